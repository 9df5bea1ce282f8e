"""PyInstaller hook: model files, templates, Haar's cascade, LiteRT, and rows of tables, which no import statement names."""

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs, copy_metadata

from edgefake.faces.finders import FINDERS
from edgefake.sinks import SINKS

datas = collect_data_files("edgefake", includes=["zoo/*", "report/templates/*", "images/*.jpg"])
datas += collect_data_files("cv2", includes=["data/haarcascade_frontalface_default.xml"])
datas += copy_metadata("edgefake") + copy_metadata("ai-edge-litert")
binaries = collect_dynamic_libs("ai_edge_litert")
hiddenimports = ["ai_edge_litert.interpreter", "edgefake.runtimes.tflite"]
hiddenimports += [row.module for table in (FINDERS, SINKS) for row in table.values()]

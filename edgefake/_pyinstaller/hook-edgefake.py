"""PyInstaller hook: model files, the face finder's cascade, and LiteRT, none of which an import statement names."""

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs, copy_metadata

datas = collect_data_files("edgefake", includes=["zoo/*"])
datas += collect_data_files("cv2", includes=["data/haarcascade_frontalface_default.xml"])
datas += copy_metadata("edgefake") + copy_metadata("ai-edge-litert")
binaries = collect_dynamic_libs("ai_edge_litert")
hiddenimports = ["ai_edge_litert.interpreter", "edgefake.runtimes.tflite"]

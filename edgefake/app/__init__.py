"""``edgefake app``: a page in the browser over ``Detector``, ``watch`` and ``video``. Needs the extra ``app`` (Streamlit).

``server`` serves it, ``main`` is the script that Streamlit runs for every visitor, with a module per page beside it. What a
visitor uploads is kept in memory and nowhere else.
"""

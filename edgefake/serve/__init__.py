"""A service that judges pictures and videos over HTTP: ``edgefake serve``, with the extra ``serve``."""

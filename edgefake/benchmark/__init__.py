"""How fast, how accurate and how costly models are on this device: ``edgefake benchmark``.

``plan`` says which cases there are; ``matrix`` measures each in several fresh processes (``isolated``, ``worker``), in turn, so
that a change of the machine's speed meets all alike; ``report`` words the outcome and ``compare`` sets two outcomes side by side.
"""

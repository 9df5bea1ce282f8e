"""Our own face finder: a small anchor-free detector in the manner of YuNet (Wu et al. 2023), and how it is trained."""

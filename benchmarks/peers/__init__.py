"""edgefake beside the other ways to run the same network: the same faces and frames, in turn, in one run."""

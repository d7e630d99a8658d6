"""Time to an accuracy on photographs: ours and other searches, held-out balanced accuracy over CPU time."""

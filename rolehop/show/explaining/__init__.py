"""Parts of the views of `explain`: what AWS said, and other calls than those of a chain."""

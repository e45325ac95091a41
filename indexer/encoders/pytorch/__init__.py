"""Models by torch: the quickest way to run one, and how many pictures the memory of a GPU holds."""

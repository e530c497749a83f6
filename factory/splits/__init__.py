"""The stage `split`: the assignment of images to train, dev, test and unseen."""

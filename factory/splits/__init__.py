"""The stage `split`: images to train, dev, test and unseen."""

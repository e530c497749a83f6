"""The stage `refine`: questions and sentences rewritten by a language model, if guards accept them."""

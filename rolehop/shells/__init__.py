"""The shells that rolehop speaks: statements to evaluate, start-up texts, and subshells."""

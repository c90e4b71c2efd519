"""The shells that rolehop knows: statements to evaluate, start-up texts, and subshells."""

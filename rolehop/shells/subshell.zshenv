# What `rolehop shell` has zsh read in the place of .zshenv, which comes first. Start-up files are
# looked for in ZDOTDIR, so that is ours until .zshrc has been found.
if (( ${+ROLEHOP_ZDOTDIR} )); then ZDOTDIR=$ROLEHOP_ZDOTDIR; else unset ZDOTDIR; fi
unset ROLEHOP_ZDOTDIR
if [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then . "${ZDOTDIR-$HOME}/.zshenv"; fi
if [[ -o interactive ]]; then
    if (( ${+ZDOTDIR} )); then __rolehop_zdotdir=$ZDOTDIR; fi
    ZDOTDIR=@FOLDER@
fi

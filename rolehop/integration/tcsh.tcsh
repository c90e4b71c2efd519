# rolehop for tcsh, made by `rolehop init tcsh`. An alias has no way to look past options, so the
# command must be the first word, and no words that hold quotes of their own.
alias rolehop 'set __rolehop = (\!*:q); if ( "x$__rolehop:q" !~ x{assume,leave,refresh}* ) \rolehop $__rolehop:q; if ( "x$__rolehop:q" =~ x{assume,leave,refresh}* ) eval "`\rolehop $__rolehop:q --shell tcsh`"';

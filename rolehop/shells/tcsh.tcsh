# rolehop for tcsh, made by `rolehop init tcsh`. Reading it starts no process. An alias cannot look
# past options, so the command must be the first word. These lines stand alone: no line may go on.
set __rolehop_plain = '\rolehop $__rolehop:q';
set __rolehop_taken = 'eval "`\rolehop $__rolehop:q --shell tcsh`"';
alias rolehop 'set __rolehop = (\!*); set __rolehop_run = "$__rolehop_plain:q"; if ( "x$__rolehop " =~ x{assume,leave,refresh}\ * && "x$__rolehop " !~ *\ {-h,--help,--version,--shell}[\ =]* ) set __rolehop_run = "$__rolehop_taken:q"; eval "$__rolehop_run:q"';

# All of native_handler.t once more, with handlers that run in threads.

use FindBin;

our $Threads = 1;

do "$FindBin::Bin/native_handler.t";
die $@ if $@;

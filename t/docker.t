#!/usr/bin/perl

# The files under docker/, as far as they can be checked without an engine; the
# rest is docker/check's.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use Test::More;

my $root = abs_path($ENV{FN_ROOT} || "$FindBin::Bin/..");

chdir $root or BAIL_OUT("$root: $!");

my ($compose) = grep { system("$_ version > /dev/null 2>&1") == 0 }
    'docker compose', 'docker-compose';

plan skip_all => 'no docker compose: install docker-compose' if !$compose;

my $config = `$compose -f docker/compose.yaml config 2>&1`;
is($?, 0, "$compose takes the file") or diag($config);

my ($services) = $config =~ /^services:\n((?: .*\n)+)/m;
my @services = $services =~ /^  (\w+):$/mg;
my @images = map { m{/(\w+)/} } glob 'docker/*/Dockerfile';

is("@{[sort @services]}", "@{[sort @images]}", 'a service for each image');

my $nginx = read_file('docker/nginx/nginx.conf');

for my $name (grep { $_ ne 'nginx' } @services) {
    like($nginx, qr/upstream $name \{ server $name:9000;/, "$name: an upstream");
    like($nginx, qr/location \/$name \{ fn_pass $name; \}/, "$name: a location");
}

for my $name (@images) {
    my $text = read_file("docker/$name/Dockerfile");
    my ($target) = $text =~ m{FN_TARGET=/srv/fn/(\S+)};

    for my $source ($text =~ /^COPY (?!--from)(\S+)/mg) {
        ok(-e $source, "$name: $source is there");
        ok(-e "$source/$target", "$name: so is $target") if $source =~ /demo$/;
    }
}

done_testing();


sub read_file {
    my ($name) = @_;

    open my $in, '<', $name or BAIL_OUT("$name: $!");
    local $/;
    return scalar <$in>;
}

# Posthouse: role content_filter. Changes here are undone by the next run.
# What a letter holds is opened, or said not to be: where amavisd-new 2.13 does neither. Read by /etc/amavis/conf.d/50-user, as configuration and so as amavis' user.

package Posthouse::ContentFilter;
use strict;
use warnings;
no warnings qw(redefine once uninitialized);

# --- Mail inside of mail ----------------------------------------------------------------------------------------------
# Upstream's decoder hands MIME::Parser an object that it cannot read.
sub open_mail {
  my($part, $directory) = @_;
  Amavis::Unpackers::MIME::mime_decode($part->base_name, $directory, $part);
  # Opened, and the scanner sees it whole as well.
  return 2;
}

# --- Archives that do not open to the end -----------------------------------------------------------------------------
# Upstream logs that the program failed, takes what came out for all of it, and removes the archive. A broken one may be whole for
# somebody's own program: the letter is "undecodable" then, and the scanner sees the archive as well.
our $ended_badly;
require Amavis::Unpackers;
my $results_of_program = \&Amavis::Unpackers::collect_results;
*Amavis::Unpackers::collect_results = sub ($$;$$$) {
  my $good = $_[4];
  # With the caller's own variables: upstream lets go of the caller's handle.
  my($result, $status) = &$results_of_program;
  $ended_badly = 1 if $good && (!defined $status || $status & 127 || !grep { $_ == $status >> 8 } @$good);
  return ($result, $status);
};

sub open_carefully {
  my($decoder, $part, $directory, @program) = @_;
  local $ended_badly = 0;
  my $result = eval { &$decoder($part, $directory, @program) };
  my $fault = $@;
  # Over limits: that is a verdict of its own.
  die $fault if !defined $result && $fault =~ /^(?:timed out|\w+: (?:Exceeded storage quota|Maximum number of files))\b/;
  return $result if defined $result && !$ended_badly;
  # Without room that is no fault of the archive: the only words that decompose_part passes on, and so a 451, are these.
  die "timed out, for want of room to unpack: $fault\n" if !has_room($directory);
  $part->attributes_add('U');
  return 2;
}

sub open_archive { return open_carefully(\&Amavis::Unpackers::do_7zip, @_) }
sub open_rar { return open_carefully(\&Amavis::Unpackers::do_unrar, @_) }

sub has_room {
  my($directory) = @_;
  my $path = "$directory/parts/room";
  open(my $file, '>', $path) or return 0;
  my $written = print {$file} 'x' x 262144;
  $written = close($file) && $written;
  unlink $path;
  return $written;
}

# file(1) knows mail by its first field. What the letter around it calls a message is opened whichever field that is.
my $types_of_files = \&Amavis::Unpackers::determine_file_types;
*Amavis::Unpackers::determine_file_types = sub ($$) {
  my($directory, $parts) = @_;
  $types_of_files->($directory, $parts);
  for my $part (@$parts) {
    my $declared = $part->type_declared;
    next if !grep { defined $_ && m{^message/(?:rfc822|global|news)\z}i } ref $declared ? @$declared : $declared;
    my $seen = $part->type_short;
    $part->type_short(['mail', grep { defined $_ && $_ ne 'mail' } ref $seen ? @$seen : $seen]);
  }
};

1;

# Posthouse: role content_filter. Changes here are undone by the next run.
# What amavisd-new 2.13 has no setting for. Read by /etc/amavis/conf.d/50-user, as configuration and so as amavis' user.

package Posthouse::ContentFilter;
use strict;
use warnings;
no warnings qw(redefine once uninitialized);
use Digest::SHA ();

# Address of an exchanger -> where its letters go back to. Filled by 20-debian_defaults.
our %way_back;

# --- Nothing is dropped of which no copy can be shown -----------------------------------------------------------------
# Whatever a setting or a policy says: no copy, no 250. check_mail answers 451, and the exchanger keeps the letter.
my $quarantine = \&Amavis::do_notify_and_quarantine;
*Amavis::do_notify_and_quarantine = sub ($$) {
  my($msginfo, $known_virus) = @_;
  $quarantine->($msginfo, $known_virus);
  my $places = $msginfo->quarantined_to;
  return if $places && @$places;
  die "it would be dropped without a copy\n"
    if grep { $_->recip_destiny == Amavis::Conf::D_DISCARD() } @{$msginfo->per_recip_data};
};

# The copy, and the rows by which it is found, are written in different transactions. Upstream tries the rows five times, logs "info not
# saved" and goes on: a copy nobody finds, of a letter nobody got. Here it dies instead. check_mail answers 451 for a letter of which
# nothing was sent on, so the exchanger brings it again, and goes on as before for one that was.
if (@Amavis::Conf::storage_sql_dsn) {
  require Amavis::Out::SQL::Log;
  for my $step (qw(save_info_preliminary save_info_final)) {
    no strict 'refs';
    my $name = "Amavis::Out::SQL::Log::$step";
    my $original = \&$name;
    my %failures;
    *$name = sub {
      my($self, $msginfo, @others) = @_;
      # Upstream's letter for a class knows no minor ones: over limits would be "?".
      for my $one ($msginfo, @{$msginfo->per_recip_data}) {
        my $class = $one->blocking_ccat;
        $one->blocking_ccat(Amavis::Conf::CC_UNCHECKED()) if defined $class && $class =~ /^\Q${\Amavis::Conf::CC_UNCHECKED()}\E,/;
      }
      my $letter = $msginfo->log_id;
      if ($original->($self, $msginfo, @others)) {
        %failures = ();
        forget($msginfo) if $step eq 'save_info_final';
        return 1;
      }
      %failures = ($letter => ($failures{$letter} || 0) + 1);
      # The second time: a connection that was closed meanwhile is a new one then.
      return 0 if $failures{$letter} < 2;
      remember($msginfo) if $step eq 'save_info_final';
      die "the database does not take the letter ($step)\n";
    };
  }
}

# A letter that one person got and another one's copy cannot be shown: it has to come again for the second, and must not reach the first
# twice, however often it is tried. Who has it is written down under what the letter is.
our $unrecorded = 0;

sub memory_of {
  my($msginfo) = @_;
  my $said = $msginfo->get_header_field_body('message-id');
  my $name = Digest::SHA::sha256_hex(map { ($_ // '') . "\0" } $msginfo->queue_id, $msginfo->sender, $said, $msginfo->body_digest);
  return $name =~ /^([0-9a-f]{64})\z/ ? "$Amavis::Conf::MYHOME/unrecorded/$1" : undef;
}

sub remember {
  my($msginfo) = @_;
  my @recipients = @{$msginfo->per_recip_data};
  return if !grep { $_->recip_destiny == Amavis::Conf::D_DISCARD() } @recipients;
  my @have = map { $_->recip_addr } grep { $_->recip_done == 2 && $_->recip_smtp_response =~ /^2/ } @recipients;
  return if !@have;
  $unrecorded = 1;
  open(my $file, '>', memory_of($msginfo)) or return;
  print {$file} map { "$_\n" } @have;
  close $file;
}

sub forget {
  my($msginfo) = @_;
  unlink memory_of($msginfo);
}

sub who_has_it {
  my($msginfo) = @_;
  open(my $file, '<', memory_of($msginfo)) or return ();
  chomp(my @have = <$file>);
  return @have;
}

my $check_mail = \&Amavis::check_mail;
*Amavis::check_mail = sub ($$) {
  my($msginfo, $for_each) = @_;
  local $unrecorded = 0;
  my($answer, @others) = $check_mail->($msginfo, $for_each);
  $answer = '451 4.5.0 Not all of its recipients could be served, id=' . $msginfo->log_id if $unrecorded;
  return ($answer, @others);
};

# A server that was restarted ends connections with TLS' own error. Upstream knows the two of plain ones only, and would give up a letter,
# and the child with it, for each connection that it kept.
if (@Amavis::Conf::storage_sql_dsn) {
  require Amavis::Out::SQL::Connection;
  my $execute = \&Amavis::Out::SQL::Connection::execute;
  *Amavis::Out::SQL::Connection::execute = sub {
    my($self, @question) = @_;
    return $execute->($self, @question) if $self->in_transaction;
    my @answer;
    return @answer if eval { @answer = $execute->($self, @question); 1 };
    my $fault = $@;
    die $fault if $fault !~ /\berr=2026,/;
    $self->connect_to_sql;
    return $execute->($self, @question);
  };
}

# --- The socket for releases is for releases ---------------------------------------------------------------------------
# AM.PDP also lets a milter have any file looked at that amavis can read, and sent on to whomever it says.
require Amavis::In::AMPDP;
my $understand = \&Amavis::In::AMPDP::preprocess_policy_query;
*Amavis::In::AMPDP::preprocess_policy_query = sub ($$) {
  my($request, $connection) = @_;
  die "only a release from the quarantine's database is taken here\n"
    if lc $request->{request} ne 'release' || exists $request->{mail_file} || ($request->{quar_type} // 'Q') ne 'Q';
  return $understand->($request, $connection);
};

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

# --- Authentication-Results -------------------------------------------------------------------------------------------
# amavis writes what it found of DKIM. SPF, DMARC and ARC are SpamAssassin's, by the names of its rules; RFC 8601 wants them said together.
my %spf = (
  SPF_PASS => 'pass', SPF_FAIL => 'fail', SPF_SOFTFAIL => 'softfail', SPF_NEUTRAL => 'neutral', SPF_NONE => 'none',
  T_SPF_PERMERROR => 'permerror', T_SPF_TEMPERROR => 'temperror',
);
my %spf_of_helo = (
  SPF_HELO_PASS => 'pass', SPF_HELO_FAIL => 'fail', SPF_HELO_SOFTFAIL => 'softfail', SPF_HELO_NEUTRAL => 'neutral', SPF_HELO_NONE => 'none',
  T_SPF_HELO_PERMERROR => 'permerror', T_SPF_HELO_TEMPERROR => 'temperror',
);
my %dmarc = (
  DMARC_PASS => 'pass', DMARC_REJECT => 'fail (p=reject)', DMARC_QUAR => 'fail (p=quarantine)', DMARC_NONE => 'fail (p=none)',
  DMARC_MISSING => 'none',
);

# The result for the first rule of a table that hit, or nothing.
sub result_of {
  my($table, $hits) = @_;
  my($rule) = grep { $hits->{$_} } sort keys %$table;
  return defined $rule ? $table->{$rule} : undef;
}

# The domain of an address as it may stand in a header, or nothing: what a stranger wrote must not become a result of ours.
sub domain_of {
  my($address) = @_;
  return undef if !defined $address;
  my($said) = $address =~ /\@([^\@]*)\z/s;
  return undef if !defined $said;
  my $domain = lc Amavis::Util::idn_to_ascii($said);
  return $domain =~ /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\z/ ? $1 : undef;
}

sub results_of_spamassassin {
  my($msginfo) = @_;
  my $tests = $msginfo->supplementary_info('TESTS');
  # It did not run: the letter is whitelisted, blocked already, or the scan failed.
  return if !defined $tests;
  my %hits = map { $_ => 1 } split /[\s,]+/, $tests;
  my @results;

  my $sender = domain_of($msginfo->sender);
  my $spf = result_of(\%spf, \%hits);
  my $spf_of_helo = result_of(\%spf_of_helo, \%hits);
  if (defined $spf && defined $sender) {
    push @results, "spf=$spf smtp.mailfrom=$sender";
  } elsif (defined $spf_of_helo && $msginfo->sender eq '') {
    my $helo = domain_of('@' . ($msginfo->client_helo // ''));
    push @results, "spf=$spf_of_helo" . (defined $helo ? " smtp.helo=$helo" : '');
  }

  my $from = $msginfo->rfc2822_from;
  my $author = domain_of(ref $from ? $from->[0] : $from);
  my $dmarc = result_of(\%dmarc, \%hits);
  push @results, "dmarc=$dmarc header.from=$author" if defined $dmarc && defined $author;

  push @results, 'arc=' . ($hits{ARC_VALID} ? 'pass' : $hits{ARC_INVALID} || $hits{ARC_SIGNED} ? 'fail' : 'none');
  return @results;
}

require Amavis::DKIM;
my $results_of_amavis = \&Amavis::DKIM::generate_authentication_results;
*Amavis::DKIM::generate_authentication_results = sub ($;$$) {
  # With signatures to judge, it is about ones just made.
  return $results_of_amavis->(@_) if @_ > 2;
  my($msginfo) = @_;
  my($dkim) = $results_of_amavis->($msginfo, 1);
  $dkim =~ s/^(\S+) \([^()]*\)/$1/;
  return join(";\n ", $dkim, results_of_spamassassin($msginfo));
};

# Upstream takes away headers that say exactly our name. Names below our domains are within the trust boundary as well (RFC 8601 section 5).
my $edits_for_all = \&Amavis::add_forwarding_header_edits_common;
*Amavis::add_forwarding_header_edits_common = sub ($$$$$$) {
  my $edits = $edits_for_all->(@_);
  my @ours = map { lc } @Amavis::Conf::local_domains_acl;
  $edits->edit_header('Authentication-Results', sub {
    my($name, $said) = @_;
    my $who = lc(Amavis::parse_authservid($said) // '');
    $who =~ s{/.*}{}s;
    $who =~ s/\.+\z//;
    return ((grep { $who eq $_ || $who =~ /\.\Q$_\E\z/ } @ours) ? undef : $said, 1);
  });
  return $edits;
};

# --- Hooks into each letter -------------------------------------------------------------------------------------------
package Amavis::Custom;
use strict;
use warnings;
no warnings qw(redefine uninitialized);

sub new { return bless {}, $_[0] }

sub before_send {
  my($self, $connection, $msginfo) = @_;
  my @waiting = grep { !$_->recip_done } @{$msginfo->per_recip_data};
  my %has_it = map { $_ => 1 } Posthouse::ContentFilter::who_has_it($msginfo);
  for my $recipient (grep { $has_it{$_->recip_addr} } @waiting) {
    $recipient->recip_smtp_response('250 2.0.0 Ok, sent on at an earlier attempt');
    $recipient->recip_done(2);
  }
  # A letter from an exchanger goes back to that one. By name, for its certificate says its name.
  my $way = $Posthouse::ContentFilter::way_back{$connection->client_ip};
  if (defined $way) { $_->delivery_method($way) for grep { !$_->recip_done } @waiting }
  return;
}

1;

# Posthouse: role content_filter. Changes here are undone by the next run.
# What is stopped is kept, whatever happens: amavisd-new 2.13 has no setting for that. Read by /etc/amavis/conf.d/50-user, as configuration and so as amavis' user.

package Posthouse::ContentFilter;
use strict;
use warnings;
no warnings qw(redefine once uninitialized);
use Digest::SHA ();

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
      my $saved = eval { $original->($self, $msginfo, @others) };
      # It dies by itself when there is no server to connect to, or when the letter's time is up.
      my $fault = $@;
      if ($saved) {
        %failures = ();
        forget($msginfo) if $step eq 'save_info_final';
        return 1;
      }
      %failures = ($letter => ($failures{$letter} || 0) + 1);
      # The second time: a connection that was closed meanwhile is a new one then.
      return 0 if !$fault && $failures{$letter} < 2;
      remember($msginfo) if $step eq 'save_info_final';
      die $fault || "the database does not take the letter ($step)\n";
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

1;

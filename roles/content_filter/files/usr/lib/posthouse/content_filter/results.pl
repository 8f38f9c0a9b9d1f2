# Posthouse: role content_filter. Changes here are undone by the next run.
# One Authentication-Results, of amavis' results and SpamAssassin's. Read by /etc/amavis/conf.d/50-user, as configuration and so as amavis' user.

package Posthouse::ContentFilter;
use strict;
use warnings;
no warnings qw(redefine once uninitialized);

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
  # A signature's domain is written as it stands, and "d=bank.test header.x=.forger.test" is a name in the forger's zone, with a good key.
  my @signatures = grep { !$_->isa('Mail::DKIM::DkSignature') && defined domain_of('@' . ($_->domain // '')) }
    @{$msginfo->dkim_signatures_all || []};
  splice @signatures, 10 if @signatures > 10;
  my($dkim) = $results_of_amavis->($msginfo, 1, \@signatures);
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

1;

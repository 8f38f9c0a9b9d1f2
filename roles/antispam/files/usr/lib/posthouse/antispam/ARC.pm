# Posthouse: role antispam. Changes here are undone by the next run.
# ARC (RFC 8617) for a SpamAssassin whose caller has verified DKIM. Plugin/DKIM.pm of SpamAssassin 4.0.1 looks at ARC only when it verifies
# DKIM itself. That must not be wished for: Plugin/DMARC.pm then takes the result of any seal, whoever made it, for a signature of the
# author's domain, and so lets everybody pass DMARC as anybody. Here the chain is verified, its result is handed to the rules ARC_SIGNED and
# ARC_VALID, and only sealers that the site trusts may speak for a letter whose own DMARC has failed.

package Posthouse::ARC;
use strict;
use warnings;
use Mail::SpamAssassin::Plugin;
use Mail::SpamAssassin::Logger;
use Mail::SpamAssassin::Timeout;
our @ISA = qw(Mail::SpamAssassin::Plugin);

sub new {
  my($class, $main) = @_;
  my $self = $class->SUPER::new($main);
  bless $self, $class;
  $main->{conf}->{parser}->register_commands([{
    setting => 'arc_trusted_sealers', is_admin => 1, default => {},
    type => $Mail::SpamAssassin::Conf::CONF_TYPE_STRING,
    code => sub { my($conf, $key, $value) = @_; $conf->{$key}{lc $_} = 1 for split ' ', $value },
  }]);
  $self->register_eval_rule('check_arc_trusted', $Mail::SpamAssassin::Conf::TYPE_HEAD_EVALS);
  return $self;
}

# Given signatures that were verified already, Plugin/DKIM.pm of 4.0.1 forgets to load what it reads them with, and DKIM_VALID and its
# kin never hit (_check_dkim_signature, service_available).
sub prepare_dkim {
  my($self) = @_;
  return if $self->{dkim_is_ready}++;
  for my $plugin (@{$self->{main}->{plugins}->{plugins} || []}) {
    $plugin->_dkim_load_modules if $plugin->isa('Mail::SpamAssassin::Plugin::DKIM');
  }
}

# Before any rule runs: the letter's chain, if it has one.
sub parsed_metadata {
  my($self, $options) = @_;
  my $pms = $options->{permsgstatus};
  $self->prepare_dkim;
  my $supplied = $pms->{msg}->{suppl_attrib};
  return if !defined $pms->get('ARC-Seal', undef) || !$pms->is_dns_available();
  my($result, $sealer) = $self->verify($pms);
  return if !defined $result || $result eq 'none';
  $pms->{posthouse_arc_sealer} = $sealer if $result eq 'pass';
  $pms->set_tag('POSTHOUSEARC', $result);
  $supplied->{arc_signatures} = [Posthouse::ARC::Chain->new($result, $sealer)] if ref $supplied && exists $supplied->{dkim_signatures};
}

# The result of the whole chain, and who sealed it last.
sub verify {
  my($self, $pms) = @_;
  my($result, $sealer);
  my $timer = Mail::SpamAssassin::Timeout->new({secs => $pms->{conf}->{dkim_timeout} || 5, deadline => $pms->{master_deadline}});
  my $fault = $timer->run_and_catch(sub {
    require Mail::DKIM::ARC::Verifier;
    Mail::DKIM::DNS::resolver($self->{main}->{resolver});
    my $verifier = Mail::DKIM::ARC::Verifier->new;
    (my $letter = $pms->{msg}->get_pristine()) =~ s/\015?\012/\015\012/gs;
    $verifier->PRINT($letter);
    $verifier->CLOSE;
    $result = $verifier->result;
    my($last) = sort { ($b->get_tag('i') || 0) <=> ($a->get_tag('i') || 0) } grep { defined } @{$verifier->{seals} || []};
    $sealer = lc $last->domain if $last && defined $last->domain;
  });
  dbg("posthouse-arc: %s, sealed by %s%s", map { defined $_ ? $_ : '-' } $result, $sealer, $fault ? ": $fault" : '');
  return ($result, $sealer);
}

sub check_arc_trusted {
  my($self, $pms) = @_;
  my $sealer = $pms->{posthouse_arc_sealer};
  return defined $sealer && $pms->{conf}->{arc_trusted_sealers}{$sealer} ? 1 : 0;
}

# What Plugin/DKIM.pm asks a signature for.
package Posthouse::ARC::Chain;
sub new { my($class, $result, $sealer) = @_; return bless {result => $result, sealer => $sealer}, $class }
sub result { return $_[0]{result} }
sub result_detail { return $_[0]{result} }
sub domain { return $_[0]{sealer} }
sub identity { return undef }
sub selector { return 'chain' }
sub algorithm { return 'arc' }
sub canonicalization { return 'arc' }
sub get_public_key { return undef }

1;

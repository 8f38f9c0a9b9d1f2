# Posthouse: role content_filter. Changes here are undone by the next run.
# What is done with each letter before it is sent on. Read by /etc/amavis/conf.d/50-user, as configuration and so as amavis' user.

package Posthouse::ContentFilter;
use strict;
use warnings;
no warnings qw(redefine once uninitialized);

# Address of an exchanger -> where its letters go back to. Filled by 20-debian_defaults.
our %way_back;

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

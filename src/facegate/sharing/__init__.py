"""What may leave a request for a partner: looked at, covered, written anew, counted. Nothing is ever sent from here."""

"""Where the loops of `mapred submit` are written down, for `mapred resume` to find them."""

from mapred.iterative.ledger import Ledger
from mapred.storage.uris import join
from mapred.submit import own_place

from .engines import Place


def ledger_of(place: Place) -> Ledger:
    """This user's, on the file system that unqualified paths mean."""
    return Ledger(join(own_place(place.default_filesystem), "loops"))

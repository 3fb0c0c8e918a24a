"""Who may do what: HDFS's permission rules.

Rules
- Every directory above a path must be one that the caller may enter (x).
- To make, remove or rename an entry he must be allowed to write to its directory (w); in a sticky
  one the entry or the directory must be his, too.
- Open: r on the file. List: r and x on the directory; below it, too, for what walks a tree.
  Replication, times, lease: w on the file.
- The mode is changed by the owner, the group by an owner who is in both groups' newer one, the
  owner by the superuser. Removing a directory with entries needs r, w and x on all below.
- The bits that count are the owner's if he is the owner, else the group's if he is in the group,
  else the others'; never a better one of a later kind.
- The superuser and the members of the supergroup may do everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from blockstore.errors import AccessControlException
from blockstore.model import STICKY, Permission
from blockstore.namenode import paths
from blockstore.namenode.namespace import Directory, Inode, Namespace

READ: Final = 4
WRITE: Final = 2
ENTER: Final = 1
_WORDS: Final = {READ: "read", WRITE: "write to", ENTER: "enter"}


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request is done."""

    user: str
    groups: frozenset[str] = frozenset()

    def __str__(self) -> str:
        groups = ", ".join(sorted(self.groups)) or "none"
        return f"user '{self.user}' (groups: {groups})"


class Access:
    """The rules, as they apply to the caller of the request in progress."""

    def __init__(
        self, names: Namespace, *, superuser: str, supergroup: str, enforced: bool
    ) -> None:
        self._names = names
        self._enforced = enforced
        self._superuser = superuser
        self._supergroup = supergroup
        self.caller = Caller(superuser)

    def act_for(self, caller: Caller | None) -> None:
        """Whose request comes next; None: the NameNode's own work."""
        self.caller = caller or Caller(self._superuser)

    @property
    def is_super(self) -> bool:
        caller = self.caller
        return caller.user == self._superuser or self._supergroup in caller.groups

    @property
    def _free(self) -> bool:
        return not self._enforced or self.is_super

    # --- questions; each raises AccessControlException ---------------------------------

    def enter(self, path: str) -> None:
        """Every directory on the way to `path`, as far as there are any."""
        if self._free:
            return
        directory = self._names.root
        for name in paths.split(path):
            self._must(directory, ENTER)
            child = directory.children.get(name)
            if not isinstance(child, Directory):
                return
            directory = child

    def read(self, inode: Inode) -> None:
        if not self._free:
            self._must(inode, READ)

    def write(self, inode: Inode) -> None:
        if not self._free:
            self._must(inode, WRITE)

    def have(self, inode: Inode, wanted: int) -> None:
        """READ, WRITE and ENTER, added up."""
        if not self._free:
            self._must(inode, wanted)

    def look_into(self, directory: Directory) -> None:
        """Its names, and what they stand for."""
        if not self._free:
            self._must(directory, READ | ENTER)

    def add_entry(self, parent: Directory, name: str) -> None:
        if self._free:
            return
        if name == paths.TRASH and parent is self._names.root:
            self._refuse(f"make '/{name}': the NameNode makes it when something is deleted")
        self._must(parent, WRITE | ENTER)

    def take_entry(self, inode: Inode) -> None:
        """Remove it from its directory, or rename it."""
        if not self._free and inode.parent is not None:
            self._must(inode.parent, WRITE | ENTER)
            self._must_be_taken(inode, inode.parent)

    def _must_be_taken(self, inode: Inode, parent: Directory) -> None:
        owners = (parent.permission.owner, inode.permission.owner)
        if parent.permission.mode & STICKY and self.caller.user not in owners:
            self._refuse(
                f"remove or rename {self._shown(inode)}: its directory {self._shown(parent)} is "
                "sticky, and neither is his"
            )

    def take_tree(self, top: Inode) -> None:
        """Remove it with all that is below."""
        for _ in self.taking_tree(top):
            pass

    def taking_tree(self, top: Inode) -> Iterator[None]:
        """The same, an inode at each step; the tree may change in between."""
        self.take_entry(top)
        if self._free:
            return
        for inode in self._names.walk(top):
            if isinstance(inode, Directory) and inode.children:
                self._must(inode, READ | WRITE | ENTER)
            above = inode.parent
            if inode is not top and above is not None and above.permission.mode & STICKY:
                self._must_be_taken(inode, above)
            yield

    def own(self, inode: Inode, what: str) -> None:
        if not self._free and self.caller.user != inode.permission.owner:
            self._refuse(f"{what} of {self._shown(inode)}: that is its owner's to do")

    def change_owner(self, inode: Inode, owner: str, group: str) -> None:
        """Empty: stays."""
        if self._free:
            return
        if owner and owner != inode.permission.owner:
            self._refuse(f"give {self._shown(inode)} to '{owner}': only the superuser may")
        self.own(inode, "change the group")
        if group and group != inode.permission.group and group not in self.caller.groups:
            self._refuse(
                f"give {self._shown(inode)} to the group '{group}', of which he is no member as "
                "the NameNode knows it"
            )

    def superuser(self, what: str) -> None:
        if not self._free:
            self._refuse(f"{what}: only the superuser may")

    # --- inside -------------------------------------------------------------------------

    def _bits(self, permission: Permission) -> int:
        if permission.owner == self.caller.user:
            return permission.mode >> 6 & 7
        if permission.group in self.caller.groups:
            return permission.mode >> 3 & 7
        return permission.mode & 7

    def _must(self, inode: Inode, wanted: int) -> None:
        missing = wanted & ~self._bits(inode.permission)
        if missing:
            words = " and ".join(word for bit, word in _WORDS.items() if missing & bit)
            self._refuse(f"{words} {self._shown(inode)}", inode)

    def _shown(self, inode: Inode) -> str:
        kind = "d" if isinstance(inode, Directory) else "-"
        permission = inode.permission
        whose = f"{permission.owner}:{permission.group}:{kind}{permission.letters}"
        return f"'{self._names.path_of(inode)}' ({whose})"

    def _refuse(self, what: str, inode: Inode | None = None) -> NoReturn:
        advice = f"Ask the superuser, '{self._superuser}'"
        if inode is not None:
            path = self._names.path_of(inode)
            advice = (
                f"'{inode.permission.owner}' or the superuser can allow it: "
                f"mapred fs chmod MODE '{path}'"
            )
        raise AccessControlException(
            f"permission denied: {self.caller} may not {what}. {advice}. "
            "Not who you are? Set MAPRED_USER"
        )

"""The residue scanner: is anything of a request still in memory, in an open file, in shared memory?

```python
with Markers.of(landmarks=xyz, pixels=rgb) as markers:      # while the request is open
    ...                                                     # the request is purged, the arrays are wiped
    report = scan(tree(), markers)                          # this process and all below it
assert report.found == 0 and report.verified, report
```
A hit is 32 bytes that are equal to 32 bytes of the data in one of the encodings; there are no others. What cannot be
read is listed, and fails the scan (`ResidueReport.verified`) unless it is explained.

Does not protect against, since it does not see it:
- copies that were compressed, encrypted, resized, quantized otherwise or computed on (normalized coordinates, a warped
  crop), and fragments of less than 32 bytes or between the places that are looked for;
- what is in the kernel: pipes, sockets, page tables, freed pages; in registers; in swap, but for what it reads back in;
- the memory of a GPU or of any other device;
- a process that is not in the list, and files that nobody in it has open, but for ``/dev/shm`` and the folders given;
- what moves while it is looked at, unless the processes are stopped.
"""

from facegate.audit.residue.markers import Markers
from facegate.audit.residue.processes import tree
from facegate.audit.residue.report import Hit, ResidueReport, Scanned, Unread
from facegate.audit.residue.scan import scan

__all__ = ["Hit", "Markers", "ResidueReport", "Scanned", "Unread", "scan", "tree"]

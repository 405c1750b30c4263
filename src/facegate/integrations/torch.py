"""Tensors: what `expose` shows without a copy, and what the worker made from it handed over to be zeroed.

```python
from facegate.integrations.torch import adopt, tensor

with tensor(faces.subject, "landmarks") as xyz:      # (478, 3) float32, the arena's own memory
    points = adopt(request, (xyz / size).to("cuda"))   # a copy on the device, zeroed with the request
```
torch has no read-only tensors, and the memory behind `expose` is read-only to the kernel: a store through a plain
tensor would end the worker by SIGSEGV. So these are of a class of their own, which asks torch's dispatcher of each
operator what it writes to, and raises before it does.

Does not protect against: code that takes the address (`data_ptr`, `torch.utils.dlpack.to_dlpack`, extensions that pass
the dispatcher by) and stores there, which is a SIGSEGV; batch normalization, which writes to its running statistics and
does not say so, if these are such a tensor; compilers that trace a program, which were not tried. Results of operators
are plain tensors of the worker's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from facegate.errors import ReadOnlyError, SealedError
from facegate.faces import Face, FaceSet
from facegate.memory.nested import nested
from facegate.memory.sealed import Sealed

if TYPE_CHECKING:
    from facegate.media import Picture
    from facegate.request import Request

T = TypeVar("T")

# Methods that would give the memory away without the class that guards it, or write to it past the dispatcher.
_REFUSED: Final = frozenset(
    {
        *("__array__", "__dlpack__", "numpy", "tolist", "share_memory_"),
        *("untyped_storage", "storage", "_typed_storage", "apply_", "map_", "map2_"),
    }
)


class SealedTensor(Sealed, torch.Tensor):
    """A tensor on memory that `expose` shows: read, sliced and computed with like any other; never written to.

    Views of it are of this class, and all of them read zeros after the block. It is not printed, pickled or copied by
    `copy`, and gives no array: `expose` does.
    """

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What torch calls for its Python functions and methods."""
        del types
        name = getattr(function, "__name__", "")
        if name in _REFUSED:
            raise SealedError(f"A sealed tensor has no {name}(): use expose() for an array, or clone() for a tensor.")
        # Its default would make results of this class, which are the worker's own.
        with torch._C.DisableTorchFunctionSubclass():
            return function(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(
        cls, operator: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What torch calls for each operator, whoever calls that, from C++ too."""
        del types
        kwargs = kwargs or {}
        for place, argument in enumerate(operator._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                given = args[place] if place < len(args) else kwargs.get(argument.name)
                if any(isinstance(each, cls) for each in (given if isinstance(given, (list, tuple)) else (given,))):
                    raise ReadOnlyError(f"What expose shows cannot be written to: {operator} would; clone it first.")
        with torch._C._DisableTorchDispatch():
            result = operator(*args, **kwargs)
            ours = {_memory(each) for each in _flat((*args, *kwargs.values())) if isinstance(each, cls)}
            return _mark(result, ours)


@contextmanager
def tensor(source: Face | FaceSet | Picture, name: str | None = None) -> Iterator[SealedTensor]:
    """`expose` as a tensor that shares its memory: nothing is copied.

    Args:
        source: a face, all faces, or a picture of the request.
        name: of the product, see `Face.expose` and `FaceSet.expose`; none for a picture.

    Yields:
        A tensor on the processor, float32, of the product's shape; of a picture (H, W, 3) uint8, RGB. Zeros after the
        block.

    Raises:
        AnalysisError: there is no such product.
        RequestClosedError: the request is over.
    """
    if isinstance(source, (Face, FaceSet)):
        shown: AbstractContextManager[NDArray[Any]] = source.expose(name or "")
    else:
        shown = source.expose()
    with shown as array:
        yield sealed(array)


def sealed(array: NDArray[Any]) -> SealedTensor:
    """A tensor on the memory of an array that a block of facegate shows; as long-lived as the array."""
    shared: SealedTensor = torch.Tensor._make_subclass(SealedTensor, torch.from_numpy(np.asarray(_Lender(array))))
    return shared


def adopt(request: Request, value: T, *, storage: bool = False) -> T:
    """`Request.adopt` for every tensor, array, buffer and PIL image in a structure, and tensors' gradients so far.

    On a CUDA device purge first waits for all that is queued there, on every stream, then zeroes and reads back.

    Args:
        request: that the content came from.
        value: one of these, or dicts, lists, tuples of them, nested; anything else in it is left alone.
        storage: zero all of the storage that a tensor is a view of, not its own elements alone.

    Returns:
        The same object.

    Raises:
        AdoptionError: nothing in it can be adopted, or one belongs to another request, or is what `expose` shows.
    """
    found = list(nested(value)) or [value]
    for each in found:
        request.adopt(each)
        if isinstance(each, torch.Tensor):
            if storage:
                request.adopt(torch.empty(0, dtype=torch.uint8, device=each.device).set_(each.untyped_storage()))
            if each.is_leaf and each.grad is not None:
                request.adopt(each.grad)
    return value


class _Lender:
    """The array's memory, and its life, without its word that it is read-only: torch warns of that and goes on."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        interface = dict(array.__array_interface__)
        self.__array_interface__ = interface | {"data": (interface["data"][0], False)}


def _flat(values: Any) -> Iterator[Any]:
    for each in values:
        if isinstance(each, (list, tuple)):
            yield from _flat(each)
        else:
            yield each


def _memory(value: Any) -> int:
    with torch._C.DisableTorchFunctionSubclass():
        return int(value.untyped_storage().data_ptr())


def _mark(result: Any, ours: set[int]) -> Any:
    """The result of an operator, with what lies in sealed memory sealed."""
    if isinstance(result, (list, tuple)):
        return type(result)(_mark(each, ours) for each in result)
    if isinstance(result, torch.Tensor) and not isinstance(result, SealedTensor) and _memory(result) in ours:
        return torch.Tensor._make_subclass(SealedTensor, result)
    return result

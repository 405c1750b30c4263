"""A torch tensor, on the processor or a CUDA device, that is zeroed when its request is purged."""

from __future__ import annotations

from typing import Any, Final

from facegate.errors import AdoptionError

_DEVICES: Final = ("cpu", "cuda")
_INTEGERS: Final = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


class AdoptedTensor:
    """The elements of one tensor: of a larger tensor of which it is a view, only its part.

    The storage is kept alive, so assigning to ``tensor.data`` does not hide it. Before a CUDA tensor is zeroed its
    device is synchronized: kernels that are still queued could write it again.

    Args:
        value: the tensor.
        torch: the module; its caller has imported it.

    Raises:
        AdoptionError: it is not a plain tensor on the processor or a CUDA device.
    """

    def __init__(self, value: Any, torch: Any) -> None:
        if (
            value.layout is not torch.strided
            or getattr(value, "is_quantized", False)
            or value.device.type not in _DEVICES
        ):
            raise AdoptionError("adopt takes plain tensors on cpu or cuda: not sparse, not quantized, no other device.")
        if value.is_conj() or value.is_neg():
            raise AdoptionError("A tensor that is only marked as conjugated or negated cannot be adopted: resolve it.")
        self.value = value
        self._torch = torch
        # Tensors made in inference mode can be changed in inference mode only; others there too.
        with torch.inference_mode():
            content = value.detach()
            for axis, stride in enumerate(content.stride()):
                if stride == 0 and content.shape[axis] > 1:  # expanded: one place that is seen many times
                    content = content.narrow(axis, 0, 1)
            if content.element_size() not in _INTEGERS:
                content = torch.view_as_real(content)
        self._content = content
        self._where = self._storage()
        self.nbytes = content.numel() * content.element_size()
        start = content.data_ptr()
        reach = sum((size - 1) * stride for size, stride in zip(content.shape, content.stride(), strict=True))
        end = start + (reach + 1) * content.element_size() if content.numel() else start
        self.span = (str(value.device), start, end)

    def zero(self) -> tuple[int, int]:
        """As `facegate.memory.adopted.Adopted.zero`; nothing is read back when its storage was resized meanwhile."""
        if self._storage() != self._where:
            return 0, 0
        torch, content = self._torch, self._content
        with torch.inference_mode():
            if content.is_cuda:
                torch.cuda.synchronize(content.device)
            content.zero_()
            numbers = content.view(getattr(torch, _INTEGERS[content.element_size()]))
            # item() waits for the device.
            nonzero = int(torch.count_nonzero(numbers).item()) * content.element_size()
        return self.nbytes, nonzero

    def _storage(self) -> tuple[int, int]:
        storage = self._content.untyped_storage()
        return storage.data_ptr(), storage.nbytes()

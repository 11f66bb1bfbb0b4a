// SPDX-License-Identifier: Apache-2.0
// Owns memory that a context gave, as .NET's own. It has no finalizer: a span may outlive the object,
// so memory that nobody disposes stays, and its context with it.
using System.Buffers;

namespace Noisewright.Interop;

internal sealed unsafe class ContextMemory<T> : MemoryManager<T> where T : unmanaged
{
    private readonly ContextHandle _context;
    private readonly int _length;
    private T* _memory;

    internal ContextMemory(ContextHandle context, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        bool added = false;
        context.DangerousAddRef(ref added);
        _context = context;
        _length = length;
        void* memory = null;
        try
        {
            Outcome.Check(Native.MemoryAlloc((void*)context.DangerousGetHandle(),
                (nuint)length * (nuint)sizeof(T), &memory));
        }
        catch
        {
            context.DangerousRelease();
            throw;
        }
        _memory = (T*)memory;
    }

    public override Span<T> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_memory == null, this);
        return new Span<T>(_memory, _length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ObjectDisposedException.ThrowIf(_memory == null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length);
        return new MemoryHandle(_memory + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        T* memory = _memory;
        _memory = null;
        if (memory != null)
        {
            Native.MemoryFree((void*)_context.DangerousGetHandle(), memory);
            _context.DangerousRelease();
        }
    }
}

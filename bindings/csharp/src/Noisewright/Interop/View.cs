// SPDX-License-Identifier: Apache-2.0
// Owns what a tensor is on this side of the boundary: a reference to memory, never a copy.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Noisewright.Interop;

internal static class Element<T> where T : unmanaged
{
    internal static Dtype Dtype
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get =>
            typeof(T) == typeof(float) ? Dtype.F32 :
            typeof(T) == typeof(double) ? Dtype.F64 :
            typeof(T) == typeof(Half) ? Dtype.F16 :
            typeof(T) == typeof(BFloat16) ? Dtype.Bf16 :
            typeof(T) == typeof(long) ? Dtype.I64 :
            throw new NotSupportedException(
                $"A tensor holds float, double, Half, BFloat16 or long, not {typeof(T)}.");
    }
}

// A null reference is no tensor.
internal readonly ref struct View
{
    private readonly ref byte _data;
    private readonly ReadOnlySpan<long> _shape, _strides;
    private readonly long _length;
    private readonly Dtype _dtype;
    private readonly Device _device;
    private readonly int _deviceId;

    private View(ref byte data, long length, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides,
        Dtype dtype, Device device, int deviceId)
    {
        _data = ref data;
        _length = length;
        _shape = shape;
        _strides = strides;
        _dtype = dtype;
        _device = device;
        _deviceId = deviceId;
    }

    internal ref byte Data => ref _data;
    internal ReadOnlySpan<long> Shape => _shape;
    internal ReadOnlySpan<long> Strides => _strides;
    internal Dtype Dtype => _dtype;
    internal Device Device => _device;
    internal bool IsNull => Unsafe.IsNullRef(ref _data);

    internal static View Of<T>(Span<T> data, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
        where T : unmanaged =>
        Of(ref MemoryMarshal.GetReference(data), data.Length, shape, strides, Device.Cpu, 0);

    internal static View Of<T>(ref T data, long length, ReadOnlySpan<long> shape,
        ReadOnlySpan<long> strides, Device device, int deviceId) where T : unmanaged
    {
        long reach = Reach(shape, strides, length);
        if (reach > length)
        {
            throw new ArgumentException(
                $"The shape [{string.Join(',', shape.ToArray())}] reaches beyond the {length} elements of the data.",
                nameof(shape));
        }
        return new View(ref Unsafe.As<T, byte>(ref data), reach, shape, strides, Element<T>.Dtype,
            device, deviceId);
    }

    internal static unsafe View Of(NwrTensor* tensor)
    {
        var shape = new ReadOnlySpan<long>(tensor->Shape, tensor->Ndim);
        var strides = tensor->Strides == null ? default
            : new ReadOnlySpan<long>(tensor->Strides, tensor->Ndim);
        return new View(ref *((byte*)tensor->Data + tensor->ByteOffset),
            Reach(shape, strides, long.MaxValue), shape, strides, tensor->Dtype, tensor->Device,
            tensor->DeviceId);
    }

    // How many elements from the first to the last; anything above most where it is more.
    private static long Reach(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, long most)
    {
        long reach = 1;
        if (strides.IsEmpty)
        {
            foreach (long extent in shape)
            {
                // Extents below 1 are the library's to refuse: it names the tensor.
                if (extent < 1)
                {
                    return 0;
                }
                if (reach > most / extent)
                {
                    return long.MaxValue;
                }
                reach *= extent;
            }
            return reach;
        }
        if (strides.Length != shape.Length)
        {
            throw new ArgumentException("There must be one stride for each extent.", nameof(strides));
        }
        for (int i = 0; i < shape.Length; i++)
        {
            if (strides[i] < 0)
            {
                throw new ArgumentException("A stride is negative.", nameof(strides));
            }
            if (shape[i] < 1)
            {
                return 0;
            }
            if (strides[i] > 0 && shape[i] - 1 > (most - reach) / strides[i])
            {
                return long.MaxValue;
            }
            reach += (shape[i] - 1) * strides[i];
        }
        return reach;
    }

    internal Span<T> Span<T>() where T : unmanaged
    {
        if (_device != Device.Cpu)
        {
            throw new InvalidOperationException($"The tensor's memory is on {_device}, not on the CPU.");
        }
        return IsNull ? default
            : MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref _data), checked((int)_length));
    }

    internal void Require<T>() where T : unmanaged
    {
        if (Element<T>.Dtype != _dtype)
        {
            throw new InvalidCastException($"The tensor's elements are {_dtype}, not {typeof(T)}.");
        }
    }

    // The pointers are those of this view, pinned by the caller.
    internal unsafe NwrTensor Pinned(byte* data, long* shape, long* strides) => new()
    {
        Data = data,
        Device = _device,
        DeviceId = _deviceId,
        Ndim = _shape.Length,
        Dtype = _dtype,
        Shape = shape,
        Strides = strides,
    };
}

// SPDX-License-Identifier: Apache-2.0
// Owns the arrays that the library reads and writes in place: views of memory that the caller owns.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Noisewright.Interop;

namespace Noisewright;

/// <summary>A view of an array of your own that can be written. Axis 0 is the batch.</summary>
/// <typeparam name="T">float, double, Half, <see cref="BFloat16"/> or long.</typeparam>
public readonly ref struct Tensor<T> where T : unmanaged
{
    internal readonly View View;

    internal Tensor(View view)
    {
        view.Require<T>();
        View = view;
    }

    /// <summary>Views memory with a shape. Nothing is copied, and the shape is not either.</summary>
    /// <param name="data">From the first element on; an array converts to it.</param>
    /// <param name="shape">The extents, batch first, as [8, 3, 64, 64]; none is one number.</param>
    /// <param name="strides">In elements, one for each extent and not negative; none is dense, last
    /// axis fastest.</param>
    /// <exception cref="ArgumentException">The shape reaches beyond the data.</exception>
    public Tensor(Span<T> data, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides = default) =>
        View = View.Of(data, shape, strides);

    /// <summary>The memory from the first element to the last.</summary>
    /// <exception cref="InvalidOperationException">The memory is a device's.</exception>
    public Span<T> Data => View.Span<T>();

    /// <summary>The extents, batch first.</summary>
    public ReadOnlySpan<long> Shape => View.Shape;

    /// <summary>In elements; empty where the tensor is dense.</summary>
    public ReadOnlySpan<long> Strides => View.Strides;

    /// <summary>Views memory that nothing checks or keeps alive: a device's, or more than a span
    /// can hold. It must live until the context's stream has passed the work.</summary>
    /// <param name="data">Address of the first element.</param>
    /// <param name="device">Where the memory is.</param>
    /// <param name="deviceId">The device's number.</param>
    /// <param name="shape">The extents, batch first.</param>
    /// <param name="strides">In elements; none is dense.</param>
    /// <returns>The view.</returns>
    public static unsafe Tensor<T> DangerousCreate(nint data, Device device, int deviceId,
        ReadOnlySpan<long> shape, ReadOnlySpan<long> strides = default) =>
        new(View.Of(ref *(T*)data, long.MaxValue, shape, strides, device, deviceId));

    /// <summary>The same view, to be read.</summary>
    /// <param name="tensor">The view.</param>
    public static implicit operator ReadOnlyTensor<T>(Tensor<T> tensor) => new(tensor.View);

    /// <summary>The same view, whatever its element type.</summary>
    /// <param name="tensor">The view.</param>
    public static implicit operator TensorRef(Tensor<T> tensor) => new(tensor.View);

    /// <summary>The same view, to be read, whatever its element type.</summary>
    /// <param name="tensor">The view.</param>
    public static implicit operator ReadOnlyTensorRef(Tensor<T> tensor) => new(tensor.View);
}

/// <summary>A view of an array of your own that is only read. Axis 0 is the batch.</summary>
/// <typeparam name="T">float, double, Half, <see cref="BFloat16"/> or long.</typeparam>
public readonly ref struct ReadOnlyTensor<T> where T : unmanaged
{
    internal readonly View View;

    internal ReadOnlyTensor(View view)
    {
        view.Require<T>();
        View = view;
    }

    /// <summary>Views memory with a shape. Nothing is copied, and the shape is not either.</summary>
    /// <param name="data">From the first element on; an array converts to it.</param>
    /// <param name="shape">The extents, batch first, as [8, 3, 64, 64]; none is one number.</param>
    /// <param name="strides">In elements, one for each extent and not negative; none is dense, last
    /// axis fastest.</param>
    /// <exception cref="ArgumentException">The shape reaches beyond the data.</exception>
    public ReadOnlyTensor(ReadOnlySpan<T> data, ReadOnlySpan<long> shape,
        ReadOnlySpan<long> strides = default) =>
        View = View.Of(ref MemoryMarshal.GetReference(data), data.Length, shape, strides,
            Device.Cpu, 0);

    /// <summary>Views one number, which stands for every sample.</summary>
    /// <param name="number">The number.</param>
    public ReadOnlyTensor(ref readonly T number) =>
        View = View.Of(ref Unsafe.AsRef(in number), 1, default, default, Device.Cpu, 0);

    /// <summary>The memory from the first element to the last.</summary>
    /// <exception cref="InvalidOperationException">The memory is a device's.</exception>
    public ReadOnlySpan<T> Data => View.Span<T>();

    /// <summary>The extents, batch first.</summary>
    public ReadOnlySpan<long> Shape => View.Shape;

    /// <summary>In elements; empty where the tensor is dense.</summary>
    public ReadOnlySpan<long> Strides => View.Strides;

    /// <summary>The same view, whatever its element type.</summary>
    /// <param name="tensor">The view.</param>
    public static implicit operator ReadOnlyTensorRef(ReadOnlyTensor<T> tensor) => new(tensor.View);
}

/// <summary>A tensor that can be written, of any element type: <see cref="Tensor{T}"/> converts to
/// it.</summary>
public readonly ref struct TensorRef
{
    internal readonly View View;

    internal TensorRef(View view) => View = view;

    /// <summary>The element type.</summary>
    public Dtype Dtype => View.Dtype;

    /// <summary>The extents, batch first.</summary>
    public ReadOnlySpan<long> Shape => View.Shape;

    /// <summary>The same view with its element type.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <returns>The view.</returns>
    /// <exception cref="InvalidCastException">The elements are of another type.</exception>
    public Tensor<T> As<T>() where T : unmanaged => new(View);

    /// <summary>The same view, to be read.</summary>
    /// <param name="tensor">The view.</param>
    public static implicit operator ReadOnlyTensorRef(TensorRef tensor) => new(tensor.View);
}

/// <summary>A tensor that is read, of any element type: the other three convert to it.</summary>
public readonly ref struct ReadOnlyTensorRef
{
    internal readonly View View;

    internal ReadOnlyTensorRef(View view) => View = view;

    /// <summary>The element type.</summary>
    public Dtype Dtype => View.Dtype;

    /// <summary>The extents, batch first.</summary>
    public ReadOnlySpan<long> Shape => View.Shape;

    /// <summary>The same view with its element type.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <returns>The view.</returns>
    /// <exception cref="InvalidCastException">The elements are of another type.</exception>
    public ReadOnlyTensor<T> As<T>() where T : unmanaged => new(View);
}

// SPDX-License-Identifier: Apache-2.0
// Owns what can be told of the loaded library.
using Noisewright.Interop;

namespace Noisewright;

/// <summary>The shared library that this process has loaded. Reading a property loads it.</summary>
public static class LibraryInfo
{
    /// <summary>Its version.</summary>
    public static Version Version => Library.Text(Native.Version());

    /// <summary>Its ABI.</summary>
    public static int Abi => (int)Native.Abi();

    /// <summary>The file, as it was found.</summary>
    public static string File
    {
        get
        {
            _ = Native.Abi();
            return Library.File!;
        }
    }
}

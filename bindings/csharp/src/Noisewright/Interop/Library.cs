// SPDX-License-Identifier: Apache-2.0
// Owns how the shared library is found and whether it fits. Must not call it for anything else.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Noisewright.Interop;

internal static unsafe class Library
{
    private const string Variable = "NWR_LIBRARY";

    internal static string? File { get; private set; }

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "The first P/Invoke may come from any type.")]
    internal static void Install() =>
        NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != Native.Library)
        {
            return 0;
        }
        var tried = new StringBuilder();
        string? chosen = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(chosen))
        {
            return TryLoad(chosen, tried, out nint given) ? given : throw NotFound(tried);
        }
        string beside = AppContext.BaseDirectory;
        // Test runners and project references leave native assets where packages have them
        // (dotnet/sdk#19929).
        string asset = Path.Combine(beside, "runtimes", Rid, "native", FileName);
        if (TryLoad(Path.Combine(beside, FileName), tried, out nint handle) ||
            TryLoad(asset, tried, out handle))
        {
            return handle;
        }
        // The assembly's folder, the host's list of native assets, then the system's loader. A
        // library that is installed without its development package has the second name only.
        foreach (string file in (string[])[Native.Library, $"{FileName}.{Native.HeaderAbi}"])
        {
            tried.Append("\n  ").Append(file).Append(" (folder of the assembly, system)");
            if (NativeLibrary.TryLoad(file, assembly, search, out handle))
            {
                Check(handle, file);
                return handle;
            }
        }
        throw NotFound(tried);
    }

    private static string Rid =>
        $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    private static string FileName => "libnoisewright.so";

    private static bool TryLoad(string file, StringBuilder tried, out nint handle)
    {
        handle = 0;
        if (!System.IO.File.Exists(file))
        {
            tried.Append("\n  ").Append(file).Append(" (no such file)");
            return false;
        }
        try
        {
            handle = NativeLibrary.Load(file);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            tried.Append("\n  ").Append(file).Append(" (").Append(e.Message.Split('\n')[0]).Append(')');
            return false;
        }
        Check(handle, file);
        return true;
    }

    private static void Check(nint handle, string file)
    {
        if (!NativeLibrary.TryGetExport(handle, "nwr_abi", out nint abi) ||
            !NativeLibrary.TryGetExport(handle, "nwr_version", out nint version))
        {
            throw new NoisewrightException(Status.Unsupported, $"{file} is not libnoisewright");
        }
        uint itsAbi = ((delegate* unmanaged[Cdecl]<uint>)abi)();
        uint itsVersion = ((delegate* unmanaged[Cdecl]<uint>)version)();
        if (itsAbi != Native.HeaderAbi || itsVersion < Native.HeaderVersion)
        {
            throw new NoisewrightException(Status.Unsupported,
                $"{file} is version {Text(itsVersion)} with ABI {itsAbi}, but this binding needs " +
                $"version {Text(Native.HeaderVersion)} or later with ABI {Native.HeaderAbi}");
        }
        File = file;
    }

    internal static Version Text(uint version) =>
        new((int)(version / 1_000_000), (int)(version / 1000 % 1000), (int)(version % 1000));

    private static DllNotFoundException NotFound(StringBuilder tried) => new(
        $"The shared library of Noisewright was not found. Install the package Noisewright.Native, " +
        $"or name the file in {Variable}. Tried:{tried}");
}

using Millpond.Server.Configuration.Assembling;
using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Configuration.Sources;

/// <summary>The flags of <c>serve</c>.</summary>
internal sealed class FlagSource(IReadOnlyList<FlagValue> flags, Draft draft)
{
    public const string Config = "--config";
    public const string Data = "--data";
    public const string Listen = "--listen";
    public const string Upstream = "--upstream";
    public const string Admission = "--admission";
    public const string SelfSigned = "--self-signed";

    /// <summary>Makes the rules that flags name, so that the environment can speak of them.</summary>
    public void MakeRules()
    {
        foreach (var flag in flags.Where(f => f.Name == Upstream))
        {
            if (flag.Value.IndexOf('=') is > 0 and var sign)
            {
                MakeRule(flag.Value[..sign]);
            }
        }
    }

    /// <summary>Sets what flags give, over file and environment.</summary>
    public void Read()
    {
        var listen = flags.Where(f => f.Name == Listen).Select(f => f.Value).ToList();
        if (listen.Count > 0)
        {
            draft.Server.Read(ConfigurationKeys.Listen, ConfigurationNode.List(listen.SelectMany(KeyType.SplitCommas)), SettingOrigin.Outside(Listen), draft.Mistakes);
        }

        Set(Data, ConfigurationKeys.Data);
        foreach (var flag in flags.Where(f => f.Name == Upstream))
        {
            ReadUpstream(flag.Value);
        }

        Set(Admission, ConfigurationKeys.AdmissionListen);
        Set(SelfSigned, ConfigurationKeys.AdmissionSelfSigned);
        foreach (var flag in flags.Where(f => f.Name is not (Config or Data or Listen or Upstream or Admission or SelfSigned)))
        {
            draft.Mistakes.Add(SettingOrigin.Outside(flag.Name).Mistake("There is no such flag", $"Use {Config}, {Data}, {Listen}, {Upstream}, {Admission} or {SelfSigned}"));
        }
    }

    private void Set(string name, ConfigurationKey key)
    {
        foreach (var flag in flags.Where(f => f.Name == name))
        {
            draft.Server.Read(key, key.FromText(flag.Value), SettingOrigin.Outside(name), draft.Mistakes);
        }
    }

    private Settings? MakeRule(string prefix)
    {
        var origin = SettingOrigin.Outside(Upstream);
        return KeyTypes.Prefix.Read(ConfigurationNode.Scalar(prefix), (_, _, _) => { }) is { } valid ? draft.RuleFor(valid, origin) : null;
    }

    private void ReadUpstream(string text)
    {
        var origin = SettingOrigin.Outside(Upstream);
        if (text.IndexOf('=') is not (> 0 and var sign))
        {
            draft.Mistakes.Add(origin.Mistake($"{KeyType.Quote(text)} is no prefix with an upstream", "Write PREFIX=URL, such as quay=http://127.0.0.1:5001"));
            return;
        }

        var prefix = text[..sign];
        if (MakeRule(prefix) is not { } rule)
        {
            new Settings(origin).Read(ConfigurationKeys.RulePrefix, ConfigurationNode.Scalar(prefix), origin, draft.Mistakes);
            return;
        }

        rule.Read(ConfigurationKeys.RuleUpstream, KeyType.ScalarNode(text[(sign + 1)..]), origin, draft.Mistakes);
        var preset = Preset.All.FirstOrDefault(p => p.Prefix == prefix);
        if (preset is not null && rule.Get(ConfigurationKeys.RuleUpstream) is { } address && address.Url != preset.Upstream)
        {
            draft.AnonymousByFlag.Add(rule);
        }
    }
}

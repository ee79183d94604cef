using static Millpond.Tests.Rewriting.YamlEditTests;

namespace Millpond.Tests.Rewriting;

/// <summary>Terraform: what is a container image there, and what only is called so.</summary>
public sealed class TerraformTests
{
    [Theory]
    [InlineData("container {\n  image = \"nginx:1\" # why\n}\n", "container {\n  image = \"cache.example.com/docker-hub/library/nginx:1\" # why\n}\n")]
    [InlineData("plain_image = \"quay.io/a/b\"\n", "plain_image = \"cache.example.com/quay/a/b\"\n")]
    [InlineData("plain_image = \"quay.io/a/b:${var.tag}\"\n", "plain_image = \"cache.example.com/quay/a/b:${var.tag}\"\n")]
    [InlineData("variable \"x_image\" {\n  default = \"ghcr.io/a/b\"\n}\n", "variable \"x_image\" {\n  default = \"cache.example.com/ghcr/a/b\"\n}\n")]
    [InlineData("resource \"docker_image\" \"x\" {\n  name = \"redis\"\n}\n", "resource \"docker_image\" \"x\" {\n  name = \"cache.example.com/docker-hub/library/redis\"\n}\n")]
    [InlineData("set {\n  name = \"image.repository\"\n  value = \"a/b\"\n}\n", "set {\n  name = \"image.repository\"\n  value = \"cache.example.com/docker-hub/a/b\"\n}\n")]
    [InlineData("set = [{ name = \"image.registry\", value = \"quay.io\" },\n  { name = \"image.repository\", value = \"a/b\" }]\n",
        "set = [{ name = \"image.registry\", value = \"cache.example.com/quay\" },\n  { name = \"image.repository\", value = \"a/b\" }]\n")]
    [InlineData("values = [<<-EOT\n  image:\n    repository: a/b\n  EOT\n, yamlencode({ image = { repository = \"quay.io/a/b\" } })]\n",
        "values = [<<-EOT\n  image:\n    repository: cache.example.com/docker-hub/a/b\n  EOT\n, yamlencode({ image = { repository = \"cache.example.com/quay/a/b\" } })]\n")]
    [InlineData("container_definitions = jsonencode([{ name = \"x\", image = \"a/b\" }])\n", "container_definitions = jsonencode([{ name = \"x\", image = \"cache.example.com/docker-hub/a/b\" }])\n")]
    [InlineData("container_definitions = <<D\n[{\"image\": \"a/b\"}]\nD\n", "container_definitions = <<D\n[{\"image\": \"cache.example.com/docker-hub/a/b\"}]\nD\n")]
    [InlineData("manifest = {\n  apiVersion = \"v1\"\n  kind = \"Pod\"\n  spec = { containers = [{ image = \"a/b\" }] }\n}\n",
        "manifest = {\n  apiVersion = \"v1\"\n  kind = \"Pod\"\n  spec = { containers = [{ image = \"cache.example.com/docker-hub/a/b\" }] }\n}\n")]
    [InlineData("yaml_body = <<Y\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: a/b\nY\n",
        "yaml_body = <<Y\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: cache.example.com/docker-hub/a/b\nY\n")]
    public void Images_are_rewritten(string before, string after) => AssertRewrites(before, after, "main.tf");

    [Theory]
    [InlineData("source_image = \"https://www.googleapis.com/compute/v1/projects/x\"\n")]
    [InlineData("image = \"debian-cloud/debian-12\"\n")]
    [InlineData("boot_disk {\n  initialize_params {\n    image = \"ubuntu-os-cloud/ubuntu-2404\"\n  }\n}\n")]
    [InlineData("# plain_image = \"quay.io/a/b\"\n/* x_image = \"quay.io/a/b\" */\n// y_image = \"quay.io/a/b\"\n")]
    [InlineData("registry_quay = local.on ? \"${local.host}/quay\" : \"quay.io\"\n")]
    [InlineData("x_image = var.on ? \"quay.io/a/b\" : \"quay.io/a/c\"\n")]
    [InlineData("x_image = \"${local.registry}/a/b:1\"\n")]
    [InlineData("x_image = format(\"quay.io/a/b:%s\", var.tag)\n")]
    [InlineData("note = \"image = \\\"quay.io/a/b\\\"\"\n")]
    [InlineData("repository = \"https://charts.jetstack.io\"\nchart = \"x\"\n")]
    [InlineData("x = \"${\"}\"}\"\n{ ] } ) <<\n= image = \"\n")]
    public void What_is_no_image_stays(string text) => AssertStays(text, "main.tf");

    [Fact]
    public void Terraform_in_JSON_is_read_alike() => AssertRewrites(
        "{\"resource\":{\"kubernetes_pod\":{\"x\":{\"spec\":{\"container\":[{\"image\":\"a/b\"}]}}}},\"locals\":{\"x_image\":\"debian-12\"}}",
        "{\"resource\":{\"kubernetes_pod\":{\"x\":{\"spec\":{\"container\":[{\"image\":\"cache.example.com/docker-hub/a/b\"}]}}}},\"locals\":{\"x_image\":\"debian-12\"}}",
        "main.tf.json");
}

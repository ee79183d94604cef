# The one place where a platform's code takes the registries' names from. Nothing is created, so no provider is needed.

terraform {
  required_version = ">= 1.6"
}

locals {
  upstreams = {
    quay       = { host = "quay.io", prefix = "quay", enabled = var.quay_enabled }
    k8s        = { host = "registry.k8s.io", prefix = "k8s", enabled = var.k8s_enabled }
    docker_hub = { host = "docker.io", prefix = "docker-hub", enabled = var.docker_hub_enabled }
    ghcr       = { host = "ghcr.io", prefix = "ghcr", enabled = var.ghcr_enabled }
    gitlab     = { host = "registry.gitlab.com", prefix = "gitlab", enabled = var.gitlab_enabled }
  }

  registries = {
    for name, upstream in local.upstreams :
    name => var.pull_through_cache_enabled && upstream.enabled && var.registry != null ? "${var.registry}/${upstream.prefix}" : upstream.host
  }
}

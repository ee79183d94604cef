output "registry_quay" {
  description = "Where images of quay.io are pulled from."
  value       = local.registries.quay
}

output "registry_k8s" {
  description = "Where images of registry.k8s.io are pulled from."
  value       = local.registries.k8s
}

output "registry_docker_hub" {
  description = "Where images of docker.io are pulled from. Official images need their library/ behind it."
  value       = local.registries.docker_hub
}

output "registry_ghcr" {
  description = "Where images of ghcr.io are pulled from."
  value       = local.registries.ghcr
}

output "registry_gitlab" {
  description = "Where images of registry.gitlab.com are pulled from."
  value       = local.registries.gitlab
}

output "registries" {
  description = "All of them, by the upstream's host."
  value       = { for name, upstream in local.upstreams : upstream.host => local.registries[name] }

  precondition {
    condition     = !var.pull_through_cache_enabled || var.registry != null
    error_message = "The cache is on (pull_through_cache_enabled), so 'registry' must name it."
  }
}

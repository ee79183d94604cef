variable "pull_through_cache_enabled" {
  description = "Whether images are pulled through the cache. Off, every output is the upstream's own host."
  type        = bool
  default     = false
}

variable "registry" {
  description = "The cache as references name it: host[:port][/path], without a scheme. Needed when the cache is on."
  type        = string
  default     = null

  validation {
    # A first part without a dot, a port or the name localhost would be read as a name on Docker Hub.
    condition = var.registry == null ? true : can(regex(
      "^(localhost(:[0-9]+)?|[A-Za-z0-9-]+:[0-9]+|[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+(:[0-9]+)?)(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$",
      var.registry,
    ))
    error_message = "Write host[:port][/path] without a scheme or a slash at the end; the host has a dot or a port, or is localhost."
  }
}

variable "quay_enabled" {
  description = "Whether quay.io is pulled through the cache. No credential is needed."
  type        = bool
  default     = true
}

variable "k8s_enabled" {
  description = "Whether registry.k8s.io is pulled through the cache. No credential is needed."
  type        = bool
  default     = true
}

variable "docker_hub_enabled" {
  description = "Whether docker.io is pulled through the cache. The cache's rule needs a Docker Hub account and access token, or to be anonymous."
  type        = bool
  default     = false
}

variable "ghcr_enabled" {
  description = "Whether ghcr.io is pulled through the cache. The cache's rule needs a GitHub user and a token with read:packages, or to be anonymous."
  type        = bool
  default     = false
}

variable "gitlab_enabled" {
  description = "Whether registry.gitlab.com is pulled through the cache. The cache's rule needs a GitLab user and a token with read_registry, or to be anonymous."
  type        = bool
  default     = false
}

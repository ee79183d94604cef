variables {
  registry = "cache.example.com"
}

run "off_by_default" {
  command = plan

  assert {
    condition = output.registries == {
      "quay.io"             = "quay.io"
      "registry.k8s.io"     = "registry.k8s.io"
      "docker.io"           = "docker.io"
      "ghcr.io"             = "ghcr.io"
      "registry.gitlab.com" = "registry.gitlab.com"
    }
    error_message = "With the cache off every registry must be the upstream's own."
  }
}

run "off_whatever_the_tiers_say" {
  command = plan

  variables {
    pull_through_cache_enabled = false
    docker_hub_enabled         = true
    ghcr_enabled               = true
    gitlab_enabled             = true
  }

  assert {
    condition     = alltrue([for host, registry in output.registries : host == registry])
    error_message = "Off is off: no tier may name the cache."
  }
}

run "on_covers_the_default_tier" {
  command = plan

  variables {
    pull_through_cache_enabled = true
  }

  assert {
    condition     = output.registry_quay == "cache.example.com/quay" && output.registry_k8s == "cache.example.com/k8s"
    error_message = "The tier that needs no credential must be on with the cache."
  }

  assert {
    condition     = output.registry_docker_hub == "docker.io" && output.registry_ghcr == "ghcr.io" && output.registry_gitlab == "registry.gitlab.com"
    error_message = "A tier that needs a credential must be off until it is enabled."
  }
}

run "each_tier_has_its_switch" {
  command = plan

  variables {
    pull_through_cache_enabled = true
    registry                   = "222233334444.dkr.ecr.eu-west-1.amazonaws.com"
    quay_enabled               = false
    k8s_enabled                = false
    docker_hub_enabled         = true
    ghcr_enabled               = true
    gitlab_enabled             = true
  }

  assert {
    condition = (
      output.registry_quay == "quay.io"
      && output.registry_k8s == "registry.k8s.io"
      && output.registry_docker_hub == "222233334444.dkr.ecr.eu-west-1.amazonaws.com/docker-hub"
      && output.registry_ghcr == "222233334444.dkr.ecr.eu-west-1.amazonaws.com/ghcr"
      && output.registry_gitlab == "222233334444.dkr.ecr.eu-west-1.amazonaws.com/gitlab"
    )
    error_message = "Each switch must change its own registry and no other."
  }
}

run "a_port_and_a_path" {
  command = plan

  variables {
    pull_through_cache_enabled = true
    registry                   = "localhost:5000/mill/cache"
  }

  assert {
    condition     = output.registry_quay == "localhost:5000/mill/cache/quay"
    error_message = "A registry may have a port and a path."
  }
}

run "a_scheme_is_refused" {
  command = plan

  variables {
    registry = "https://cache.example.com"
  }

  expect_failures = [var.registry]
}

run "a_name_of_docker_hub_is_refused" {
  command = plan

  variables {
    registry = "cache"
  }

  expect_failures = [var.registry]
}

run "on_without_a_registry_is_refused" {
  command = plan

  variables {
    pull_through_cache_enabled = true
    registry                   = null
  }

  expect_failures = [output.registries]
}

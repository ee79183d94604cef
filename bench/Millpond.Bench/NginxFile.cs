namespace Millpond.Bench;

/// <summary>The frame of an nginx configuration; what it is for comes in.</summary>
internal static class NginxFile
{
    public static string With(string folder, string servers) => $$"""
        daemon off;
        user root;
        worker_processes 2;
        pid {{folder}}/pid;
        error_log {{folder}}/error.log warn;
        events { worker_connections 1024; }
        http {
          sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;
          client_body_temp_path {{folder}}/t1; proxy_temp_path {{folder}}/t2; fastcgi_temp_path {{folder}}/t3;
          uwsgi_temp_path {{folder}}/t4; scgi_temp_path {{folder}}/t5;
          {{servers}}
        }
        """;
}

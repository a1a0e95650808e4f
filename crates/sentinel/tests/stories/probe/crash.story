# Two servers. The master's process dies: its connection ends, a second look is refused, and it falls within milliseconds. Then somebody
# promotes the other one.
config group=cache servers=[10.0.0.1:6379 10.0.0.2:6379] check={interval=1000ms fast-interval=100ms timeout=1000ms rise=1 fall=2 expect=[role:master]}

at 0ms wake
       > connect link=10.0.0.1:6379#1 target=server channel=check
       > connect link=10.0.0.2:6379#2 target=server channel=check
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
at 1ms connected link=10.0.0.1:6379#1
       > send link=10.0.0.1:6379#1 ask=auth
       > send link=10.0.0.1:6379#1 ask=ping
       > send link=10.0.0.1:6379#1 ask=replication
at 1ms connected link=10.0.0.2:6379#2
       > send link=10.0.0.2:6379#2 ask=auth
       > send link=10.0.0.2:6379#2 ask=ping
       > send link=10.0.0.2:6379#2 ask=replication
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=pong
at 2ms answered link=10.0.0.1:6379#1 answer=text{text="role:master\r\nmaster_replid:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nmaster_repl_offset:100\r\n"}
       > announce event={level=notice group=cache name=+server payload="10.0.0.1:6379: it passes its checks as a master"}
       > announce event={level=notice group=cache name=+master payload="cache 10.0.0.1 6379"}
       > connect link=10.0.0.1:6379#3 target=server channel=check
       > publish view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
at 3ms answered link=10.0.0.2:6379#2 answer=ok
at 3ms answered link=10.0.0.2:6379#2 answer=pong
at 3ms answered link=10.0.0.2:6379#2 answer=text{text="role:slave\r\nmaster_link_status:up\r\nmaster_replid:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nslave_repl_offset:90\r\n"}
       > announce event={level=notice group=cache name=+server payload="10.0.0.2:6379: it passes its checks as a replica"}
       > publish view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=90 lag=10}]}
# Nothing is sent to it from here on.
at 50ms failed link=10.0.0.1:6379#1 fault=closed
       > connect link=10.0.0.2:6379#4 target=server channel=check
       > publish view={group=cache epoch=1 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=90 lag=10}]}
at 51ms failed link=10.0.0.1:6379#3 fault=refused
until 71ms
  at 71ms wake
         > connect link=10.0.0.1:6379#5 target=server channel=check
at 72ms failed link=10.0.0.1:6379#5 fault=refused
       > announce event={level=warning group=cache name=+server-down payload="10.0.0.1:6379: connection refused"}
until 150ms
at 150ms connected link=10.0.0.2:6379#4
       > send link=10.0.0.2:6379#4 ask=auth
       > send link=10.0.0.2:6379#4 ask=ping
       > send link=10.0.0.2:6379#4 ask=replication
at 151ms answered link=10.0.0.2:6379#4 answer=ok
at 151ms answered link=10.0.0.2:6379#4 answer=pong
at 151ms answered link=10.0.0.2:6379#4 answer=text{text="role:master\r\nmaster_replid:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\nmaster_replid2:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nsecond_repl_offset:101\r\nmaster_repl_offset:101\r\n"}
       > send link=10.0.0.2:6379#2 ask=quit
       > close link=10.0.0.2:6379#2
       > announce event={level=notice group=cache name=+role-change payload="10.0.0.2:6379: it passes its checks as a master"}
       > announce event={level=notice group=cache name=+switch-master payload="cache 10.0.0.1 6379 10.0.0.2 6379"}
       > connect link=10.0.0.1:6379#6 target=server channel=check
       > connect link=10.0.0.2:6379#7 target=server channel=check
       > publish view={group=cache epoch=2 phase=steady master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=100 lag=1}]}

# One Sentinel is followed. It tells of another master; that is asked itself before anything is sent to it.
config group=cache sentinels=[10.0.0.9:26379] check={interval=1000ms fast-interval=100ms timeout=1000ms rise=1 fall=3}

at 0ms wake
       > connect link=10.0.0.9:26379#1 target=peer channel=command
       > connect link=10.0.0.9:26379#2 target=peer channel=events
       > publish view={group=cache epoch=0 phase=switching master=0.0.0.0:0 replicas=[]}
at 1ms connected link=10.0.0.9:26379#1
       > send link=10.0.0.9:26379#1 ask=auth
       > send link=10.0.0.9:26379#1 ask=master{group=cache}
       > send link=10.0.0.9:26379#1 ask=who-is-master{group=cache}
       > send link=10.0.0.9:26379#1 ask=replicas{group=cache}
       > send link=10.0.0.9:26379#1 ask=sentinels{group=cache}
at 1ms connected link=10.0.0.9:26379#2
       > send link=10.0.0.9:26379#2 ask=auth
       > send link=10.0.0.9:26379#2 ask=events
at 2ms answered link=10.0.0.9:26379#2 answer=ok
at 2ms answered link=10.0.0.9:26379#2 answer=ok
at 2ms answered link=10.0.0.9:26379#1 answer=ok
at 2ms answered link=10.0.0.9:26379#1 answer=instances{list=[{addr=10.0.0.1:6379 flags=master epoch=4}]}
at 2ms answered link=10.0.0.9:26379#1 answer=named{master=10.0.0.1:6379}
       > announce event={level=notice group=cache name=+master payload="cache 10.0.0.1 6379"}
       > connect link=10.0.0.1:6379#3 target=server channel=check
       > publish view={group=cache epoch=4 phase=switching master=10.0.0.1:6379 replicas=[]}
at 2ms answered link=10.0.0.9:26379#1 answer=instances{list=[{addr=10.0.0.2:6379 flags=slave}]}
       > connect link=10.0.0.2:6379#4 target=server channel=check
       > publish view={group=cache epoch=4 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
at 2ms answered link=10.0.0.9:26379#1 answer=instances{list=[]}
at 3ms connected link=10.0.0.1:6379#3
       > send link=10.0.0.1:6379#3 ask=auth
       > send link=10.0.0.1:6379#3 ask=ping
       > send link=10.0.0.1:6379#3 ask=replication
at 4ms answered link=10.0.0.1:6379#3 answer=ok
at 4ms answered link=10.0.0.1:6379#3 answer=pong
at 4ms answered link=10.0.0.1:6379#3 answer=text{text="role:master\r\nmaster_replid:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nmaster_repl_offset:100\r\n"}
       > announce event={level=notice group=cache name=+server payload="10.0.0.1:6379: it passes its checks as a master"}
       > connect link=10.0.0.1:6379#5 target=server channel=check
       > send link=10.0.0.9:26379#1 ask=master{group=cache}
       > send link=10.0.0.9:26379#1 ask=who-is-master{group=cache}
       > send link=10.0.0.9:26379#1 ask=replicas{group=cache}
       > send link=10.0.0.9:26379#1 ask=sentinels{group=cache}
       > send link=10.0.0.9:26379#2 ask=ping
       > publish view={group=cache epoch=4 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
# The Sentinel is about to replace it.
at 10ms heard link=10.0.0.9:26379#2 text="+switch-master cache 10.0.0.1 6379 10.0.0.2 6379"
at 11ms answered link=10.0.0.9:26379#1 answer=instances{list=[{addr=10.0.0.2:6379 flags=master epoch=5}]}
at 11ms answered link=10.0.0.9:26379#1 answer=named{master=10.0.0.2:6379}
       > announce event={level=notice group=cache name=+switch-master payload="cache 10.0.0.1 6379 10.0.0.2 6379"}
       > close link=10.0.0.1:6379#3
       > close link=10.0.0.1:6379#5
       > publish view={group=cache epoch=5 phase=switching master=10.0.0.2:6379 replicas=[]}
at 11ms answered link=10.0.0.9:26379#1 answer=instances{list=[{addr=10.0.0.1:6379 flags=slave}]}
       > connect link=10.0.0.1:6379#6 target=server channel=check
       > publish view={group=cache epoch=5 phase=switching master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=0}]}
at 11ms answered link=10.0.0.9:26379#1 answer=instances{list=[]}
       > send link=10.0.0.9:26379#1 ask=master{group=cache}
       > send link=10.0.0.9:26379#1 ask=who-is-master{group=cache}
       > send link=10.0.0.9:26379#1 ask=replicas{group=cache}
       > send link=10.0.0.9:26379#1 ask=sentinels{group=cache}
at 12ms connected link=10.0.0.2:6379#4
       > send link=10.0.0.2:6379#4 ask=auth
       > send link=10.0.0.2:6379#4 ask=ping
       > send link=10.0.0.2:6379#4 ask=replication
at 13ms answered link=10.0.0.2:6379#4 answer=ok
at 13ms answered link=10.0.0.2:6379#4 answer=pong
at 13ms answered link=10.0.0.2:6379#4 answer=text{text="role:master\r\nmaster_replid:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\nmaster_repl_offset:101\r\n"}
       > announce event={level=notice group=cache name=+server payload="10.0.0.2:6379: it passes its checks as a master"}
       > connect link=10.0.0.2:6379#7 target=server channel=check
       > publish view={group=cache epoch=5 phase=steady master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=0}]}

# One node, a master and a replica. The master's process dies: its kernel says so, a second look confirms it, and the
# replica is sealed, compared, promoted, verified and published.                                     M2 M3 V2
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=1 nodes=1 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=3000ms}}
seed 1

at 0ms wake
       > announce event={level=warning group=cache name=+monitor payload="master cache 10.0.0.1 6379 quorum 1"}
       > connect link=10.0.0.1:6379#1 group=cache target=server channel=command
       > connect link=10.0.0.1:6379#2 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[]}
at 1ms connected link=10.0.0.1:6379#1
       > send link=10.0.0.1:6379#1 ask=auth
       > send link=10.0.0.1:6379#1 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.1:6379#1 ask=info
       > send link=10.0.0.1:6379#1 ask=ping
       > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > connect link=10.0.0.2:6379#3 group=cache target=server channel=command
       > connect link=10.0.0.2:6379#4 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
       > save seq=1 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
# The master names its replica, and is believed to be the master from here on.
at 3ms answered link=10.0.0.1:6379#1 answer=pong
at 4ms connected link=10.0.0.2:6379#3
       > send link=10.0.0.2:6379#3 ask=auth
       > send link=10.0.0.2:6379#3 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=ping
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 5ms answered link=10.0.0.2:6379#3 answer=ok
at 5ms answered link=10.0.0.2:6379#3 answer=ok
at 5ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 5ms answered link=10.0.0.2:6379#3 answer=pong
at 6ms answered link=10.0.0.2:6379#3 answer=ok
at 6ms saved seq=1

# kill -9
at 100ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 110ms wake
       > connect link=10.0.0.1:6379#5 group=cache target=server channel=command
at 111ms failed link=10.0.0.1:6379#5 fault=refused
at 140ms wake
       > connect link=10.0.0.1:6379#6 group=cache target=server channel=command
at 141ms failed link=10.0.0.1:6379#6 fault=refused
# 50 ms after the first sign it is down, for us and (quorum 1) for everybody.
at 150ms wake
       > announce event={level=warning group=cache name=+sdown payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.1 6379 #quorum 1/1"}
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
       > save seq=2 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
# Our own vote is on disk: with one node that elects us.
at 152ms saved seq=2
       > announce event={level=warning group=cache name=+elected-leader payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+failover-state-select-slave payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.2:6379#3 ask=seal{epoch=1}
       > send link=10.0.0.2:6379#3 ask=info
       > connect link=10.0.0.1:6379#7 group=cache target=server channel=command
at 153ms answered link=10.0.0.2:6379#3 answer=ok
at 153ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=120 master=127.0.0.1:1 link-up=false priority=100 announced=true replicas=[]}
       > announce event={level=warning group=cache name=+selected-slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > announce event={level=notice group=cache name=+failover-state-send-slaveof-noone payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > send link=10.0.0.2:6379#3 ask=promote
       > send link=10.0.0.2:6379#3 ask=role
       > announce event={level=notice group=cache name=+failover-state-wait-promotion payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=stale offset=120 lag=0}]}
at 154ms answered link=10.0.0.2:6379#3 answer=ok
at 154ms answered link=10.0.0.2:6379#3 answer=role{role=master}
       > announce event={level=verbose group=cache name=-role-change payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379 new reported role is master"}
       > announce event={level=warning group=cache name=+promoted-slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > save seq=3 state={epoch=1 groups={cache={master=10.0.0.2:6379 config-epoch=1 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
# The decision is on disk before anybody hears it.
at 156ms saved seq=3
       > announce event={level=warning group=cache name=+failover-state-reconf-slaves payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+failover-end payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.2:6379#3 ask=rewrite
       > announce event={level=warning group=cache name=+switch-master payload="cache 10.0.0.1 6379 10.0.0.2 6379"}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.1:6379 10.0.0.1 6379 @ cache 10.0.0.2 6379"}
       > announce event={level=warning group=cache name=+sdown payload="slave 10.0.0.1:6379 10.0.0.1 6379 @ cache 10.0.0.2 6379"}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1,cache,10.0.0.2,6379,1"}
       > publish view={group=cache epoch=1 phase=steady master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=100 lag=20}]}
       > save seq=4 state={epoch=1 groups={cache={master=10.0.0.2:6379 config-epoch=1 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}

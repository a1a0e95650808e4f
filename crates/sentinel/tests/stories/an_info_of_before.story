# What was asked before the switchover says nothing about who follows the new master: nobody is kicked for it.       S1
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=1 nodes=1 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
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
at 2ms answered link=10.0.0.1:6379#1 answer=pong
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 3ms connected link=10.0.0.2:6379#3
       > send link=10.0.0.2:6379#3 ask=auth
       > send link=10.0.0.2:6379#3 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=ping
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 4ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 4ms answered link=10.0.0.2:6379#3 answer=pong
at 4ms answered link=10.0.0.2:6379#3 answer=ok
at 6ms saved seq=1
at 20ms requested call=1 request=switchover{group=cache}
       > send link=10.0.0.2:6379#3 ask=info
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
       > save seq=2 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 20ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
at 21ms saved seq=2
       > announce event={level=warning group=cache name=+elected-leader payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=pause{epoch=1 limit=1250ms}
       > send link=10.0.0.1:6379#1 ask=info
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 22ms answered link=10.0.0.1:6379#1 answer=ok
at 22ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=140 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > send link=10.0.0.2:6379#3 ask=info
at 23ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=140 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > announce event={level=warning group=cache name=+failover-state-select-slave payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.2:6379#3 ask=seal{epoch=1}
       > send link=10.0.0.2:6379#3 ask=info
at 24ms answered link=10.0.0.2:6379#3 answer=ok
at 24ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=140 master=127.0.0.1:1 link-up=false priority=100 announced=true replicas=[]}
       > announce event={level=warning group=cache name=+selected-slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > announce event={level=notice group=cache name=+failover-state-send-slaveof-noone payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=pause{epoch=1 limit=1500ms}
       > send link=10.0.0.2:6379#3 ask=promote
       > send link=10.0.0.2:6379#3 ask=role
       > announce event={level=notice group=cache name=+failover-state-wait-promotion payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=stale offset=140 lag=0}]}
until 124ms
  at 26ms wake
         > send link=10.0.0.1:6379#1 ask=ping
  at 44ms wake
         > send link=10.0.0.1:6379#1 ask=info
         > send link=10.0.0.2:6379#3 ask=info
at 125ms answered link=10.0.0.2:6379#3 answer=ok
at 125ms answered link=10.0.0.2:6379#3 answer=role{role=master}
       > announce event={level=verbose group=cache name=-role-change payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379 new reported role is master"}
       > announce event={level=warning group=cache name=+promoted-slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=pause{epoch=1 limit=1500ms}
       > save seq=3 state={epoch=1 groups={cache={master=10.0.0.2:6379 config-epoch=1 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 126ms saved seq=3
       > announce event={level=warning group=cache name=+failover-state-reconf-slaves payload="master cache 10.0.0.1 6379"}
       > reply call=1 reply=switched{from=10.0.0.1:6379 to=10.0.0.2:6379 epoch=1 held=105ms}
       > send link=10.0.0.1:6379#1 ask=replicate{master=10.0.0.2:6379}
       > send link=10.0.0.1:6379#1 ask=unpause
       > send link=10.0.0.1:6379#1 ask=rewrite
       > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1,cache,10.0.0.2,6379,1"}
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1,cache,10.0.0.2,6379,1"}
       > publish view={group=cache epoch=1 phase=steady master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=stale offset=140 lag=0}]}
       > save seq=4 state={epoch=1 groups={cache={master=10.0.0.2:6379 config-epoch=1 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
# the answer to what was asked before the switch
at 127ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=140 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
at 127ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=master history="dddddddddddddddddddddddddddddddddddddddd" offset=140 link-up=false priority=100 announced=true replicas=[]}

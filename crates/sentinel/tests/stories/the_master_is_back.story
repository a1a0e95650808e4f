# The master answers again while our own vote is on its way to disk: nothing was done yet, so nothing is.            S1
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
at 100ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
until 110ms
  at 110ms wake
         > connect link=10.0.0.1:6379#5 group=cache target=server channel=command
at 111ms failed link=10.0.0.1:6379#5 fault=refused
until 150ms
  at 121ms wake
         > connect link=10.0.0.1:6379#6 group=cache target=server channel=command
  at 150ms wake
         > announce event={level=warning group=cache name=+sdown payload="master cache 10.0.0.1 6379"}
         > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.1 6379 #quorum 1/1"}
         > announce event={level=warning group=cache name=+new-epoch payload="1"}
         > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
         > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
         > save seq=2 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
# it was restarted: -odown, while our vote is still on its way to the disk
at 151ms failed link=10.0.0.1:6379#6 fault=refused
until 361ms
  at 203ms wake
         > send link=10.0.0.2:6379#3 ask=ping
  at 351ms wake
         > connect link=10.0.0.1:6379#7 group=cache target=server channel=command
at 362ms connected link=10.0.0.1:6379#7
       > send link=10.0.0.1:6379#7 ask=auth
       > send link=10.0.0.1:6379#7 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.1:6379#7 ask=info
       > send link=10.0.0.1:6379#7 ask=ping
at 363ms answered link=10.0.0.1:6379#7 answer=ok
at 363ms answered link=10.0.0.1:6379#7 answer=ok
at 363ms answered link=10.0.0.1:6379#7 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=130 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > announce event={level=warning group=cache name=-sdown payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=-odown payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=-failover-abort-not-elected payload="master cache 10.0.0.1 6379"}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=30}]}
at 363ms answered link=10.0.0.1:6379#7 answer=pong
# nothing is changed yet, and nothing will be
at 400ms saved seq=2
       > send link=10.0.0.1:6379#7 ask=ping
at 401ms answered link=10.0.0.2:6379#3 answer=pong
at 401ms answered link=10.0.0.2:6379#3 answer=ok
at 401ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=130 master=127.0.0.1:1 link-up=false priority=100 announced=true replicas=[]}

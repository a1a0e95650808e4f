# An error to something harmless, long ago, does not make a crash look like a server that refuses us.                L1
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
at 2ms answered link=10.0.0.1:6379#1 answer=error{text="ERR unknown command CLIENT"}
at 2ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > connect link=10.0.0.2:6379#3 group=cache target=server channel=command
       > connect link=10.0.0.2:6379#4 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
       > save seq=1 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 2ms answered link=10.0.0.1:6379#1 answer=pong
at 2ms answered link=10.0.0.1:6379#1 answer=ok
# kill -9: +sdown comes after 50 ms all the same
at 100ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
until 300ms
  at 110ms wake
         > connect link=10.0.0.1:6379#5 group=cache target=server channel=command
at 301ms failed link=10.0.0.1:6379#5 fault=refused
       > announce event={level=warning group=cache name=+sdown payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.1 6379 #quorum 1/1"}
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
until 311ms
  at 311ms wake
         > connect link=10.0.0.1:6379#6 group=cache target=server channel=command
at 312ms failed link=10.0.0.1:6379#6 fault=refused
until 360ms

# A node that restarts at a dead one's address is counted once, and asked once.                                      M3
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=1 nodes=5 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
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
at 7ms requested call=1 request=hello{text="10.0.0.8,26379,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,0,cache,10.0.0.1,6379,0"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > reply call=1 reply=ok
       > connect link=10.0.0.8:26379#5 group=cache target=peer channel=command
       > save seq=2 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
at 7ms requested call=2 request=hello{text="10.0.0.7,26379,cccccccccccccccccccccccccccccccccccccccc,0,cache,10.0.0.1,6379,0"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel cccccccccccccccccccccccccccccccccccccccc 10.0.0.7 26379 @ cache 10.0.0.1 6379"}
       > reply call=2 reply=ok
       > connect link=10.0.0.7:26379#6 group=cache target=peer channel=command
at 8ms saved seq=2
       > save seq=3 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379} {id=cccccccccccccccccccccccccccccccccccccccc addr=10.0.0.7:26379}]}}}
at 9ms saved seq=3
# b is dead; c was restarted and got its address
at 10ms failed link=10.0.0.8:26379#5 fault=refused
at 11ms requested call=3 request=hello{text="10.0.0.8,26379,cccccccccccccccccccccccccccccccccccccccc,0,cache,10.0.0.1,6379,0"}
       > announce event={level=notice group=cache name=+sentinel-address-switch payload="master cache 10.0.0.1 6379 ip 10.0.0.8 port 26379 for cccccccccccccccccccccccccccccccccccccccc"}
       > close link=10.0.0.7:26379#6
       > announce event={level=notice group=cache name=+sentinel-invalid-addr payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > reply call=3 reply=ok
       > connect link=10.0.0.8:26379#7 group=cache target=peer channel=command
       > save seq=4 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=cccccccccccccccccccccccccccccccccccccccc addr=10.0.0.8:26379}]}}}
at 12ms saved seq=4
until 212ms
  at 26ms wake
         > send link=10.0.0.1:6379#1 ask=ping
  at 203ms wake
         > send link=10.0.0.2:6379#3 ask=ping
at 213ms connected link=10.0.0.8:26379#7
       > send link=10.0.0.8:26379#7 ask=auth
       > send link=10.0.0.8:26379#7 ask=ping
       > send link=10.0.0.8:26379#7 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 213ms connected link=10.0.0.8:26379#8
at 214ms answered link=10.0.0.8:26379#7 answer=ok
at 214ms answered link=10.0.0.8:26379#7 answer=pong
at 214ms answered link=10.0.0.8:26379#7 answer=ok
at 214ms answered link=10.0.0.8:26379#8 answer=ok
at 214ms answered link=10.0.0.8:26379#8 answer=pong
at 214ms answered link=10.0.0.8:26379#8 answer=ok
at 214ms answered link=10.0.0.2:6379#3 answer=pong
at 300ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
until 310ms
  at 310ms wake
         > connect link=10.0.0.1:6379#8 group=cache target=server channel=command
at 311ms failed link=10.0.0.1:6379#9 fault=refused
until 350ms

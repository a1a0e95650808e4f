# A later decision for the same master ends our attempt, and what was held against the master begins anew.           L1
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=1 nodes=3 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
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
at 8ms saved seq=2
at 8ms connected link=10.0.0.8:26379#5
       > send link=10.0.0.8:26379#5 ask=auth
       > send link=10.0.0.8:26379#5 ask=ping
       > send link=10.0.0.8:26379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 9ms answered link=10.0.0.8:26379#5 answer=ok
at 9ms answered link=10.0.0.8:26379#5 answer=pong
at 9ms answered link=10.0.0.8:26379#5 answer=ok
at 100ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 110ms wake
       > connect link=10.0.0.1:6379#6 group=cache target=server channel=command
at 111ms failed link=10.0.0.1:6379#6 fault=refused
at 140ms wake
       > connect link=10.0.0.1:6379#7 group=cache target=server channel=command
at 141ms failed link=10.0.0.1:6379#7 fault=refused
at 150ms wake
       > announce event={level=warning group=cache name=+sdown payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.1 6379 #quorum 1/1"}
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
       > send link=10.0.0.8:26379#5 ask=is-master-down{master=10.0.0.1:6379 epoch=1}
       > save seq=3 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
# attempt under way; b tells of a later decision for the same master
at 151ms requested call=2 request=hello{text="10.0.0.8,26379,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,9,cache,10.0.0.1,6379,9"}
       > announce event={level=warning group=cache name=+new-epoch payload="9"}
       > reply call=2 reply=ok
       > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.1 6379 #quorum 1/1"}
       > announce event={level=warning group=cache name=+new-epoch payload="10"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 10"}
       > connect link=10.0.0.1:6379#8 group=cache target=server channel=command
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,10,cache,10.0.0.1,6379,9"}
       > send link=10.0.0.8:26379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,10,cache,10.0.0.1,6379,9"}
       > publish view={group=cache epoch=9 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 152ms saved seq=3
       > save seq=4 state={epoch=10 groups={cache={master=10.0.0.1:6379 config-epoch=9 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=10 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
until 9000ms
  at 203ms wake
         > send link=10.0.0.2:6379#3 ask=ping
  at 500ms wake
         > close link=10.0.0.1:6379#2
         > connect link=10.0.0.1:6379#9 group=cache target=server channel=hello
  at 502ms wake
         > close link=10.0.0.2:6379#4
         > connect link=10.0.0.2:6379#10 group=cache target=server channel=hello
  at 651ms wake
         > close link=10.0.0.1:6379#8
         > connect link=10.0.0.1:6379#11 group=cache target=server channel=command
  at 1000ms wake
         > close link=10.0.0.1:6379#9
         > connect link=10.0.0.1:6379#12 group=cache target=server channel=hello
  at 1002ms wake
         > close link=10.0.0.2:6379#10
         > connect link=10.0.0.2:6379#13 group=cache target=server channel=hello
  at 1008ms wake
         > send link=10.0.0.8:26379#5 ask=ping
  at 1151ms wake
         > close link=10.0.0.1:6379#11
         > connect link=10.0.0.1:6379#14 group=cache target=server channel=command
         > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,10,cache,10.0.0.1,6379,9"}
         > send link=10.0.0.8:26379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,10,cache,10.0.0.1,6379,9"}
  at 1203ms wake
         > announce event={level=warning group=cache name=+sdown payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
         > publish view={group=cache epoch=9 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=100 lag=0}]}
  at 1500ms wake
         > close link=10.0.0.1:6379#12
         > connect link=10.0.0.1:6379#15 group=cache target=server channel=hello
  at 1502ms wake
         > close link=10.0.0.2:6379#13
         > connect link=10.0.0.2:6379#16 group=cache target=server channel=hello
  at 1651ms wake
         > close link=10.0.0.1:6379#14
         > connect link=10.0.0.1:6379#17 group=cache target=server channel=command
  at 2000ms wake
         > close link=10.0.0.1:6379#15
         > connect link=10.0.0.1:6379#18 group=cache target=server channel=hello
  at 2002ms wake
         > close link=10.0.0.2:6379#16
         > connect link=10.0.0.2:6379#19 group=cache target=server channel=hello
  at 2150ms wake
         > close link=10.0.0.8:26379#5
         > connect link=10.0.0.8:26379#20 group=cache target=peer channel=command
  at 2151ms wake
         > announce event={level=warning group=cache name=-failover-abort-not-elected payload="master cache 10.0.0.1 6379"}
         > close link=10.0.0.1:6379#17
         > connect link=10.0.0.1:6379#21 group=cache target=server channel=command
         > close link=10.0.0.2:6379#3
         > connect link=10.0.0.2:6379#22 group=cache target=server channel=command
  at 2251.822465ms wake
         > announce event={level=warning group=cache name=+new-epoch payload="11"}
         > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
         > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 11"}
  at 2500ms wake
         > close link=10.0.0.1:6379#18
         > connect link=10.0.0.1:6379#23 group=cache target=server channel=hello
  at 2502ms wake
         > close link=10.0.0.2:6379#19
         > connect link=10.0.0.2:6379#24 group=cache target=server channel=hello
  at 2650ms wake
         > close link=10.0.0.8:26379#20
         > connect link=10.0.0.8:26379#25 group=cache target=peer channel=command
  at 2651ms wake
         > close link=10.0.0.1:6379#21
         > connect link=10.0.0.1:6379#26 group=cache target=server channel=command
         > close link=10.0.0.2:6379#22
         > connect link=10.0.0.2:6379#27 group=cache target=server channel=command
  at 3000ms wake
         > close link=10.0.0.1:6379#23
         > connect link=10.0.0.1:6379#28 group=cache target=server channel=hello
  at 3002ms wake
         > close link=10.0.0.2:6379#24
         > connect link=10.0.0.2:6379#29 group=cache target=server channel=hello
  at 3008ms wake
         > announce event={level=warning group=cache name=+sdown payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
  at 3150ms wake
         > close link=10.0.0.8:26379#25
         > connect link=10.0.0.8:26379#30 group=cache target=peer channel=command
  at 3151ms wake
         > close link=10.0.0.1:6379#26
         > connect link=10.0.0.1:6379#31 group=cache target=server channel=command
         > close link=10.0.0.2:6379#27
         > connect link=10.0.0.2:6379#32 group=cache target=server channel=command
  at 3500ms wake
         > close link=10.0.0.1:6379#28
         > connect link=10.0.0.1:6379#33 group=cache target=server channel=hello
  at 3502ms wake
         > close link=10.0.0.2:6379#29
         > connect link=10.0.0.2:6379#34 group=cache target=server channel=hello
  at 3650ms wake
         > close link=10.0.0.8:26379#30
         > connect link=10.0.0.8:26379#35 group=cache target=peer channel=command
  at 3651ms wake
         > close link=10.0.0.1:6379#31
         > connect link=10.0.0.1:6379#36 group=cache target=server channel=command
         > close link=10.0.0.2:6379#32
         > connect link=10.0.0.2:6379#37 group=cache target=server channel=command
  at 4000ms wake
         > close link=10.0.0.1:6379#33
         > connect link=10.0.0.1:6379#38 group=cache target=server channel=hello
  at 4002ms wake
         > close link=10.0.0.2:6379#34
         > connect link=10.0.0.2:6379#39 group=cache target=server channel=hello
  at 4150ms wake
         > close link=10.0.0.8:26379#35
         > connect link=10.0.0.8:26379#40 group=cache target=peer channel=command
  at 4151ms wake
         > close link=10.0.0.1:6379#36
         > connect link=10.0.0.1:6379#41 group=cache target=server channel=command
         > close link=10.0.0.2:6379#37
         > connect link=10.0.0.2:6379#42 group=cache target=server channel=command
  at 4251.822465ms wake
         > announce event={level=warning group=cache name=-failover-abort-not-elected payload="master cache 10.0.0.1 6379"}
         > publish view={group=cache epoch=9 phase=lost master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=100 lag=0}]}
  at 4500ms wake
         > close link=10.0.0.1:6379#38
         > connect link=10.0.0.1:6379#43 group=cache target=server channel=hello
  at 4502ms wake
         > close link=10.0.0.2:6379#39
         > connect link=10.0.0.2:6379#44 group=cache target=server channel=hello
  at 4650ms wake
         > close link=10.0.0.8:26379#40
         > connect link=10.0.0.8:26379#45 group=cache target=peer channel=command
  at 4651ms wake
         > close link=10.0.0.1:6379#41
         > connect link=10.0.0.1:6379#46 group=cache target=server channel=command
         > close link=10.0.0.2:6379#42
         > connect link=10.0.0.2:6379#47 group=cache target=server channel=command
  at 5000ms wake
         > close link=10.0.0.1:6379#43
         > connect link=10.0.0.1:6379#48 group=cache target=server channel=hello
  at 5002ms wake
         > close link=10.0.0.2:6379#44
         > connect link=10.0.0.2:6379#49 group=cache target=server channel=hello
  at 5150ms wake
         > close link=10.0.0.8:26379#45
         > connect link=10.0.0.8:26379#50 group=cache target=peer channel=command
  at 5151ms wake
         > close link=10.0.0.1:6379#46
         > connect link=10.0.0.1:6379#51 group=cache target=server channel=command
         > close link=10.0.0.2:6379#47
         > connect link=10.0.0.2:6379#52 group=cache target=server channel=command
  at 5500ms wake
         > close link=10.0.0.1:6379#48
         > connect link=10.0.0.1:6379#53 group=cache target=server channel=hello
  at 5502ms wake
         > close link=10.0.0.2:6379#49
         > connect link=10.0.0.2:6379#54 group=cache target=server channel=hello
  at 5650ms wake
         > close link=10.0.0.8:26379#50
         > connect link=10.0.0.8:26379#55 group=cache target=peer channel=command
  at 5651ms wake
         > close link=10.0.0.1:6379#51
         > connect link=10.0.0.1:6379#56 group=cache target=server channel=command
         > close link=10.0.0.2:6379#52
         > connect link=10.0.0.2:6379#57 group=cache target=server channel=command
  at 6000ms wake
         > close link=10.0.0.1:6379#53
         > connect link=10.0.0.1:6379#58 group=cache target=server channel=hello
  at 6002ms wake
         > close link=10.0.0.2:6379#54
         > connect link=10.0.0.2:6379#59 group=cache target=server channel=hello
  at 6150ms wake
         > close link=10.0.0.8:26379#55
         > connect link=10.0.0.8:26379#60 group=cache target=peer channel=command
  at 6151ms wake
         > close link=10.0.0.1:6379#56
         > connect link=10.0.0.1:6379#61 group=cache target=server channel=command
         > close link=10.0.0.2:6379#57
         > connect link=10.0.0.2:6379#62 group=cache target=server channel=command
  at 6500ms wake
         > close link=10.0.0.1:6379#58
         > connect link=10.0.0.1:6379#63 group=cache target=server channel=hello
  at 6502ms wake
         > close link=10.0.0.2:6379#59
         > connect link=10.0.0.2:6379#64 group=cache target=server channel=hello
  at 6650ms wake
         > close link=10.0.0.8:26379#60
         > connect link=10.0.0.8:26379#65 group=cache target=peer channel=command
  at 6651ms wake
         > close link=10.0.0.1:6379#61
         > connect link=10.0.0.1:6379#66 group=cache target=server channel=command
         > close link=10.0.0.2:6379#62
         > connect link=10.0.0.2:6379#67 group=cache target=server channel=command
  at 7000ms wake
         > close link=10.0.0.1:6379#63
         > connect link=10.0.0.1:6379#68 group=cache target=server channel=hello
  at 7002ms wake
         > close link=10.0.0.2:6379#64
         > connect link=10.0.0.2:6379#69 group=cache target=server channel=hello
  at 7150ms wake
         > close link=10.0.0.8:26379#65
         > connect link=10.0.0.8:26379#70 group=cache target=peer channel=command
  at 7151ms wake
         > close link=10.0.0.1:6379#66
         > connect link=10.0.0.1:6379#71 group=cache target=server channel=command
         > close link=10.0.0.2:6379#67
         > connect link=10.0.0.2:6379#72 group=cache target=server channel=command
  at 7500ms wake
         > close link=10.0.0.1:6379#68
         > connect link=10.0.0.1:6379#73 group=cache target=server channel=hello
  at 7502ms wake
         > close link=10.0.0.2:6379#69
         > connect link=10.0.0.2:6379#74 group=cache target=server channel=hello
  at 7650ms wake
         > close link=10.0.0.8:26379#70
         > connect link=10.0.0.8:26379#75 group=cache target=peer channel=command
  at 7651ms wake
         > close link=10.0.0.1:6379#71
         > connect link=10.0.0.1:6379#76 group=cache target=server channel=command
         > close link=10.0.0.2:6379#72
         > connect link=10.0.0.2:6379#77 group=cache target=server channel=command
  at 8000ms wake
         > close link=10.0.0.1:6379#73
         > connect link=10.0.0.1:6379#78 group=cache target=server channel=hello
  at 8002ms wake
         > close link=10.0.0.2:6379#74
         > connect link=10.0.0.2:6379#79 group=cache target=server channel=hello
  at 8150ms wake
         > close link=10.0.0.8:26379#75
         > connect link=10.0.0.8:26379#80 group=cache target=peer channel=command
  at 8151ms wake
         > close link=10.0.0.1:6379#76
         > connect link=10.0.0.1:6379#81 group=cache target=server channel=command
         > close link=10.0.0.2:6379#77
         > connect link=10.0.0.2:6379#82 group=cache target=server channel=command
  at 8500ms wake
         > close link=10.0.0.1:6379#78
         > connect link=10.0.0.1:6379#83 group=cache target=server channel=hello
  at 8502ms wake
         > close link=10.0.0.2:6379#79
         > connect link=10.0.0.2:6379#84 group=cache target=server channel=hello
  at 8650ms wake
         > close link=10.0.0.8:26379#80
         > connect link=10.0.0.8:26379#85 group=cache target=peer channel=command
  at 8651ms wake
         > close link=10.0.0.1:6379#81
         > connect link=10.0.0.1:6379#86 group=cache target=server channel=command
         > close link=10.0.0.2:6379#82
         > connect link=10.0.0.2:6379#87 group=cache target=server channel=command
  at 9000ms wake
         > close link=10.0.0.1:6379#83
         > connect link=10.0.0.1:6379#88 group=cache target=server channel=hello
